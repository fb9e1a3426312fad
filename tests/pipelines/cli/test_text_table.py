import pytest

from babelsift.pipelines.cli.commands.run_folders.watch import format_timings
from babelsift.pipelines.cli.text_table import text_table
from babelsift.pipelines.rendering import format_funnel
from babelsift.schemas import Funnel, StageFunnel

ROWS = [
    ("decontaminate_embeddings", "stale", "2009 in, 2009 kept", "select.min_similarity was 0.6, now 0.7"),
    ("read", "done", "3000 in, 3000 kept", ""),
]
WORDS = {word for row in ROWS for cell in row for word in cell.split()}


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_rows_fit_any_terminal_and_lose_no_word(width):
    lines = text_table(ROWS, width)
    assert max(map(len, lines)) <= width
    assert {word for line in lines for word in line.split()} == WORDS


def test_for_programs_a_row_is_a_line():
    assert len(text_table(ROWS)) == len(ROWS)
    assert text_table(ROWS)[1] == f"{'read':24}  done   3000 in, 3000 kept"


@pytest.mark.parametrize("width", [40, 71, 72, 100])
def test_the_funnel_and_the_timings_fit(width):
    stages = (
        StageFunnel("read", 2_000_000, 1_500_000, {"missing_url": 500_000}),
        StageFunnel("decontaminate_embeddings", 1_500_000, 1_000_000, {"pixels_with_too_many_captions": 500_000}),
    )
    funnel = format_funnel(Funnel(stages), width=width)
    assert max(map(len, funnel.splitlines())) <= width
    assert "1,500,000" in funnel
    assert "500,000" in funnel
    timing = {"stage": "decontaminate_embeddings", "began_s": 91.0, "seconds": 86_400.0, "in_rows": 3_000_000}
    assert max(map(len, format_timings("done", 1.0, [timing | {"rows_per_s": 9.0}], width).splitlines())) <= width
