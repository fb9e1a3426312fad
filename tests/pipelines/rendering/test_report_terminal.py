import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.pipelines.rendering import format_funnel
from babelsift.pipelines.rendering.number_format import clipped, clipped_middle, share_text, size_text
from babelsift.schemas import STAGE_ORDER, Funnel, Recipe, RejectReason, Stage, StageFunnel


def small():
    return Funnel(
        (
            StageFunnel("read", 2000, 1500, {"missing_url": 499, "wrong_type": 1}),
            StageFunnel("select", 1500, 500, {"similarity_too_low": 1000}),
        )
    )


def test_the_numbers_of_the_table():
    lines = [line.split() for line in format_funnel(small()).splitlines()]
    assert lines[0] == ["stage", "in", "rejected", "kept", "of", "input"]
    assert lines[1][:6] == ["read", "2,000", "500", "1,500", "75.0", "%"]
    assert lines[2] == ["missing_url", "499", "24.9", "%"]
    assert lines[3] == ["wrong_type", "1", "<", "0.1", "%"]
    assert lines[4][:6] == ["select", "1,500", "1,000", "500", "25.0", "%"]
    assert lines[-1] == ["kept", "500", "of", "2,000", "pairs", "(25.0", "%)"]


def test_bars_are_shares_of_the_input():
    read, select = (line for line in format_funnel(small()).splitlines() if "█" in line)
    full = read.count("█") + read.count("░")
    assert full > 30
    assert read.count("█") == round(full * 0.75)
    assert select.count("█") == round(full * 0.25)
    assert select.count("█") + select.count("░") == round(full * 0.75)


@given(st.integers(0, 10**13), st.data())
def test_never_wider_than_a_terminal(rows, data):
    stages = []
    for stage in STAGE_ORDER:
        gone = data.draw(st.integers(0, rows))
        reason = data.draw(st.sampled_from(RejectReason))
        stages.append(StageFunnel(stage.value, rows, rows - gone, {reason.value: gone}))
        rows -= gone
    lines = format_funnel(Funnel(tuple(stages))).splitlines()
    assert max(map(len, lines)) <= 100
    assert all(any(line.startswith(stage.value) for line in lines) for stage in Stage)


@pytest.mark.parametrize("empty", [Funnel(()), Funnel.from_counts({})])
def test_no_rows(empty):
    assert format_funnel(empty).splitlines()[-1] == "kept 0 of 0 pairs (–)"


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (0, 0, "–"),
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 3, "33.3 %"),
        (1, 10**6, "< 0.1 %"),
        (10**6 - 1, 10**6, "> 99.9 %"),
    ],
)
def test_shares_round_neither_to_nothing_nor_to_all(part, whole, expected):
    assert share_text(part, whole) == expected


def test_sizes():
    assert [size_text(size) for size in (0, 999, 1000, 1_234_567, 999_960, 10**18)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.2 MB",
        "1.0 MB",
        "1,000.0 PB",
    ]


@given(st.text(), st.integers(4, 40))
def test_clipping_keeps_to_the_limit_and_to_what_can_be_shown(text, limit):
    for clip in (clipped, clipped_middle):
        assert len(clip(text, limit)) <= limit
        clip(text, limit).encode()


def test_clipping_leaves_accents_on_their_letters():
    assert clipped("cafe\u0301s and more", 5) == "caf…"
    assert clipped("\u0301" * 10, 5) == "\u0301" * 4 + "…"


def test_stages_that_are_off_are_one_line_but_not_those_that_met_nothing():
    names = ("read", "frequency", "dedup_pairs", "balance", "shard")
    funnel = Funnel(tuple(StageFunnel(name, 5, 5) for name in names))
    lines = format_funnel(funnel, Recipe(name="x")).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["read", "dedup_pairs", "shard"]
    assert lines[4] == "off: frequency, balance"
    assert len(format_funnel(funnel).splitlines()) == 7, "without a recipe each has its own"
