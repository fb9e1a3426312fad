"""The funnel as a table for the terminal."""

from __future__ import annotations

from textwrap import wrap

from babelsift.pipelines.rendering.funnel_view import off_stages, reasons_of
from babelsift.pipelines.rendering.number_format import clipped, count_text, share_text
from babelsift.schemas import Funnel, Recipe, StageFunnel

_WIDTH, _NARROW = 100, 72  # columns at most; columns below which only what was kept is shown
_SHARE_WIDTH = 8
_MOST_NAME = 28
_GAP = "  "


def format_funnel(funnel: Funnel, recipe: Recipe | None = None, width: int | None = None) -> str:
    """Returns the funnel as text, at most 100 columns wide: a line a stage with its bar, a line a reason under it.

    Bars are shares of the input: full blocks were kept, shaded ones were rejected at that stage. A narrow terminal has
    one number a line: pairs that a stage kept, or that a reason met.

    Args:
        funnel: of a run.
        recipe: of the same run; with it the stages that are off are one line. None: each has its own.
        width: of the terminal, in columns; None: 100.
    """
    width = min(_WIDTH, width or _WIDTH)
    off = set() if recipe is None else set(off_stages(recipe))
    off &= {stage.stage for stage in funnel.stages if not stage.rejected_rows}
    shown = [stage for stage in funnel.stages if stage.stage not in off]
    lines = _narrow_lines(shown, funnel, width) if width < _NARROW else _wide_lines(shown, funnel, width)
    if off:
        named = ", ".join(stage.stage for stage in funnel.stages if stage.stage in off)
        lines += wrap(f"off: {named}", width)
    kept, total = count_text(funnel.kept_rows), count_text(funnel.input_rows)
    rows = f" of {count_text(funnel.source_rows or 0)} rows" if funnel.has_more_pairs_than_rows else ""
    lines += wrap(f"kept {kept} of {total} pairs{rows} ({share_text(funnel.kept_rows, funnel.input_rows)})", width)
    return "\n".join(lines) + "\n"


def _wide_lines(stages: list[StageFunnel], funnel: Funnel, width: int) -> list[str]:
    counts = _count_width(funnel)
    names = _name_width(funnel, _MOST_NAME)
    bar_width = max(width - names - 3 * (counts + len(_GAP)) - _SHARE_WIDTH - 2 * len(_GAP), 0)

    def line(name: str, *cells: str) -> str:
        widths = [counts, counts, counts, _SHARE_WIDTH]
        texts = [f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False)]
        return _GAP.join([f"{clipped(name, names):<{names}}", *texts, *cells[4:]]).rstrip()

    lines = [line("stage", "in", "rejected", "kept", "of input")]
    for stage in stages:
        numbers = [count_text(rows) for rows in (stage.in_rows, stage.rejected_rows, stage.out_rows)]
        share = share_text(stage.out_rows, funnel.input_rows)
        lines.append(line(stage.stage, *numbers, share, _bar(stage, funnel.input_rows, bar_width)))
        lines += [
            line(f"  {reason}", "", count_text(rows), "", share_text(rows, funnel.input_rows))
            for reason, rows in reasons_of(stage)
        ]
    return lines


def _narrow_lines(stages: list[StageFunnel], funnel: Funnel, width: int) -> list[str]:
    counts = _count_width(funnel)
    names = _name_width(funnel, max(width - counts - _SHARE_WIDTH - 2 * len(_GAP), 1))

    def line(name: str, count: str, share: str) -> str:
        return _GAP.join([f"{clipped(name, names):<{names}}", f"{count:>{counts}}", f"{share:>{_SHARE_WIDTH}}"])

    lines = [line("stage", "pairs", "of input")]
    for stage in stages:
        lines.append(line(stage.stage, count_text(stage.out_rows), share_text(stage.out_rows, funnel.input_rows)))
        lines += [
            line(f"  {reason}", f"-{count_text(rows)}", share_text(rows, funnel.input_rows))
            for reason, rows in reasons_of(stage)
        ]
    return lines


def _name_width(funnel: Funnel, most: int) -> int:
    names = [stage.stage for stage in funnel.stages]
    names += [f"  {reason}" for stage in funnel.stages for reason, _ in reasons_of(stage)]
    return min(max(map(len, [*names, "stage"])), most)


def _count_width(funnel: Funnel) -> int:
    counts = [rows for stage in funnel.stages for rows in (stage.in_rows, stage.out_rows, stage.rejected_rows)]
    return max(len(count_text(max(counts, default=0))), len("rejected"))


def _bar(stage: StageFunnel, input_rows: int, width: int) -> str:
    if not input_rows:
        return ""
    whole = round(width * stage.in_rows / input_rows)
    kept = round(width * stage.out_rows / input_rows)
    return "█" * kept + "░" * (whole - kept)
