"""Rows of cells as lines of text that fit a terminal of any width."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from textwrap import wrap

_GAP, _INDENT = "  ", "  "
_NARROWEST = 24  # columns in which a last cell is still wrapped beside the others


def terminal_width() -> int | None:
    """Returns the columns of the terminal that standard output is; None where it is a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def text_table(rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Returns rows as lines: cells under each other, the last one wrapped; what does not fit goes below its row.

    Args:
        rows: cells, each row with as many.
        width: of the terminal, in columns; None: a row is a line, however long, for programs to read.

    >>> rows = [("rules", "done", "3000 in, 2821 kept"), ("language", "stale", "follows rules")]
    >>> print("\\n".join(text_table(rows)))
    rules     done   3000 in, 2821 kept
    language  stale  follows rules
    >>> print("\\n".join(text_table(rows, 20)))
    rules     done
      3000 in, 2821 kept
    language  stale
      follows rules
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    if width is None:
        return [_line(row[:-1], widths, row[-1]) for row in rows]
    beside = len(widths)
    while beside and sum(widths[:beside]) + len(_GAP) * (beside - 1) > width:
        beside -= 1
    left = width - sum(widths) - len(_GAP) * len(widths)
    if left >= min(_NARROWEST, max(len(row[-1]) for row in rows)):
        return [line for row in rows for line in _beside(row, widths, left)]
    return [line for row in rows for line in _below(row, widths[:beside], width)]


def _beside(row: Sequence[str], widths: Sequence[int], left: int) -> Iterator[str]:
    first, *others = wrap(row[-1], left) or [""]
    yield _line(row[:-1], widths, first)
    for text in others:
        yield _line([""] * len(widths), widths, text)


def _below(row: Sequence[str], widths: Sequence[int], width: int) -> Iterator[str]:
    yield _line(row[: len(widths)], widths, "")
    for cell in row[len(widths) :]:
        yield from wrap(cell, width, initial_indent=_INDENT, subsequent_indent=_INDENT)


def _line(cells: Sequence[str], widths: Sequence[int], last: str) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return _GAP.join([*padded, last]).rstrip()
