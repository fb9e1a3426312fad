from __future__ import annotations

import pytest

from babelsift.filters.opt_outs import opt_out_directive

DIRECTIVES = ("noai", "noimageai", "noindex", "noimageindex")


@pytest.mark.parametrize(
    ("values", "token", "directive"),
    [
        ([], None, None),
        (["nofollow"], None, None),
        (["noai"], None, "noai"),
        (["NoFollow, NoIndex"], None, "noindex"),
        (["nofollow", " noimageai "], None, "noimageai"),
        (["googlebot: noindex"], None, None),
        (["otherbot: noai, noindex"], "mybot", None),
        (["MyBot: nofollow, noai"], " mybot ", "noai"),
        (["mybot : noai"], "mybot", "noai"),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST, noai"], None, "noai"),
        (["max-snippet: 10, nofollow"], None, None),
        (["noindex, otherbot: nofollow"], None, "noindex"),
        (["unavailable_after: Friday, 25-Jun-2010 15:00:00 UTC, noai"], "mybot", "noai"),
        (["otherbot: all, *: noai"], "mybot", "noai"),
        (["*: nofollow", "otherbot: noai"], "mybot", None),
        (["all; noimageai"], None, "noimageai"),
        (["noai, all"], None, "noai"),
        (["mybot: all", "noai"], "mybot", "noai"),
        (["none"], None, "none"),
        (['"noai"'], None, "noai"),
        (["'noai', nofollow"], None, "noai"),
        (["nofollow noimageai"], None, "noimageai"),
        (["noindex: yes"], None, "noindex"),
        (["otherbot: nofollow noai"], "mybot", None),
        (["noml"], None, None),
        (["noai=false", "no ai", "index, follow", "", ",,:;"], "mybot", None),
        (["otherbot: nofollow, noai", "noimageindex"], "mybot", "noimageindex"),
    ],
)
def test_opt_out(values, token, directive):
    assert opt_out_directive(values, directives=DIRECTIVES, user_agent_tokens=[token] if token else []) == directive


def test_only_the_directives_asked_for_count():
    assert opt_out_directive(["noindex"], directives=("NoAI ",)) is None
    assert opt_out_directive(["noai"], directives=("NoAI ",)) == "noai"
    assert opt_out_directive(["noai"], directives=()) is None
