"""Content-Usage and Content-Signal: what they forbid, well-formed, odd and contradictory."""

from __future__ import annotations

import pytest

from babelsift.filters.opt_outs import content_signal_opt_out, content_usage_opt_out


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ([], None),
        ([""], None),
        (["train-ai=n"], "train-ai=n"),
        (["train-ai=y"], None),
        (["search=n"], None),
        (["search=y, train-ai=n"], "train-ai=n"),
        (["search=y", "train-ai=n"], "train-ai=n"),
        (['search=y, train-ai=n;exceptions="a, b"'], "train-ai=n"),
        (["train-genai=n"], "train-genai=n"),
        (["train-ai=y, train-genai=n"], None),
        (["train-genai=y, bots=n"], "bots=n"),
        (["bots=n"], "bots=n"),
        (["all=n, search=y"], "all=n"),
        (["bots=n, train-ai=y"], None),
        (["tdm=n"], "tdm=n"),
        # odd
        (["Train-AI = N"], "train-ai=n"),
        (['train-ai="n"'], "train-ai=n"),
        (["train-ai=?0"], "train-ai=n"),
        (["train-ai=no"], "train-ai=n"),
        (["train-ai"], None),
        (["train-ai=maybe"], None),
        (["train-ai=never"], None),
        (["x-train-ai=n"], None),
        (['note="train-ai=n, bots=n"'], None),
        (['"unclosed, train-ai=n'], "train-ai=n"),
        (["search=y train-ai=n"], "train-ai=n"),
        (["search=y; train-ai=n"], "train-ai=n"),
        (["train-ai=y;q=1, search=n"], None),
        # contradictory
        (["train-ai=n, train-ai=y"], "train-ai=n"),
        (["train-ai=y", "train-ai=n"], "train-ai=n"),
        (["train-ai=y, ai-train=n"], "ai-train=n"),
    ],
)
def test_content_usage(values, label):
    assert content_usage_opt_out(values) == label


@pytest.mark.parametrize(
    ("values", "signal"),
    [
        ([], None),
        (["ai-train=no"], "ai-train=no"),
        (["search=yes,ai-train=no"], "ai-train=no"),
        (["search=yes, ai-input=no"], None),
        (["search=no"], None),
        (["ai-train=yes, search=yes, ai-input=yes"], None),
        (["AI-Train = No"], "ai-train=no"),
        (["ai-train=n"], "ai-train=no"),
        (["ai-train"], None),
        (["ai-train=none"], None),
        (["ai-train=yes", "ai-train=no"], "ai-train=no"),
        (["train-ai=no"], "train-ai=no"),
    ],
)
def test_content_signal(values, signal):
    assert content_signal_opt_out(values) == signal
