from __future__ import annotations

import pytest

from babelsift.pipelines.fetch import opt_out_directive

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
        (["otherbot: nofollow, noai", "noimageindex"], "mybot", "noimageindex"),
    ],
)
def test_opt_out(values, token, directive):
    assert opt_out_directive(values, directives=DIRECTIVES, user_agent_token=token) == directive


def test_only_the_directives_asked_for_count():
    assert opt_out_directive(["noindex"], directives=("NoAI ",), user_agent_token=None) is None
    assert opt_out_directive(["noai"], directives=("NoAI ",), user_agent_token=None) == "noai"
    assert opt_out_directive(["noai"], directives=(), user_agent_token=None) is None
