"""The funnel as a table for the terminal."""

from __future__ import annotations

from textwrap import wrap

from babelsift.pipelines.rendering.funnel_view import off_stages, reasons_of
from babelsift.pipelines.rendering.number_format import clipped, count_text, share_text
from babelsift.schemas import Funnel, Recipe, StageFunnel

_WIDTH = 100
_SHARE_WIDTH = 8
_GAP = "  "


def format_funnel(funnel: Funnel, recipe: Recipe | None = None) -> str:
    """Returns the funnel as text, at most 100 columns wide: a line a stage with its bar, a line a reason under it.

    Bars are shares of the input: full blocks were kept, shaded ones were rejected at that stage.

    Args:
        funnel: of a run.
        recipe: of the same run; with it the stages that are off are one line. None: each has its own.
    """
    off = set() if recipe is None else set(off_stages(recipe))
    off &= {stage.stage for stage in funnel.stages if not stage.rejected_rows}
    names = [stage.stage for stage in funnel.stages] + [
        f"  {reason}" for stage in funnel.stages for reason, _ in reasons_of(stage)
    ]
    name_width = min(max(map(len, [*names, "stage"])), 28)
    counts = [rows for stage in funnel.stages for rows in (stage.in_rows, stage.out_rows, stage.rejected_rows)]
    count_width = max(len(count_text(max(counts, default=0))), len("rejected"))
    bar_width = max(_WIDTH - name_width - 3 * (count_width + len(_GAP)) - _SHARE_WIDTH - 2 * len(_GAP), 0)

    def line(name: str, *cells: str) -> str:
        widths = [count_width, count_width, count_width, _SHARE_WIDTH]
        texts = [f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False)]
        return _GAP.join([f"{clipped(name, name_width):<{name_width}}", *texts, *cells[4:]]).rstrip()

    lines = [line("stage", "in", "rejected", "kept", "of input")]
    for stage in (stage for stage in funnel.stages if stage.stage not in off):
        numbers = [count_text(rows) for rows in (stage.in_rows, stage.rejected_rows, stage.out_rows)]
        share = share_text(stage.out_rows, funnel.input_rows)
        lines.append(line(stage.stage, *numbers, share, _bar(stage, funnel.input_rows, bar_width)))
        lines += [
            line(f"  {reason}", "", count_text(rows), "", share_text(rows, funnel.input_rows))
            for reason, rows in reasons_of(stage)
        ]
    if off:
        named = ", ".join(stage.stage for stage in funnel.stages if stage.stage in off)
        lines += wrap(f"off: {named}", _WIDTH)
    kept, total = count_text(funnel.kept_rows), count_text(funnel.input_rows)
    rows = f" of {count_text(funnel.source_rows or 0)} rows" if funnel.has_more_pairs_than_rows else ""
    lines.append(f"kept {kept} of {total} pairs{rows} ({share_text(funnel.kept_rows, funnel.input_rows)})")
    return "\n".join(lines) + "\n"


def _bar(stage: StageFunnel, input_rows: int, width: int) -> str:
    if not input_rows:
        return ""
    whole = round(width * stage.in_rows / input_rows)
    kept = round(width * stage.out_rows / input_rows)
    return "█" * kept + "░" * (whole - kept)
