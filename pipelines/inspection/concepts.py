"""What balancing did to the concepts of a finished run: their distribution before and after, and the neglected tail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.rendering.number_format import clipped, count_text
from babelsift.pipelines.run_folder.finished_run import no_complete_run
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import CONCEPTS_FOLDER, FUNNEL
from babelsift.schemas import RunFolderError, one_line
from babelsift.schemas.concepts import CONCEPT_SCHEMA

_STEPS = (0, 1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
_TEXT_CHARACTERS = 40


def concepts_of(output: str, *, fewer_than: int = 10, most: int = 10, language: str | None = None) -> dict[str, Any]:
    """Returns the concepts of a finished run, list by list.

    Args:
        fewer_than: k of the tail report: concepts with fewer than k pairs after balancing.
        most: concepts named, of the head and of the tail.
        language: one list's name alone.

    Returns:
        list's name -> {"entries", "matches" before and after, "distribution", "head", "tail", ...}.

    Raises:
        RunFolderError: no complete run is there, it counted no concepts, or it has no such list.
    """
    folder = RunFolder(output)
    if not folder.exists(FUNNEL):
        raise no_complete_run(output)
    names = [name.removesuffix(".parquet") for name in folder.list(CONCEPTS_FOLDER, ".parquet")]
    if not names:
        raise RunFolderError(f"{output}: the run counted no concepts; give its recipe `metadata: {{entries: FILE}}`")
    if language is not None and language not in names:
        raise RunFolderError(f"{output}: no concepts of {language!r}; there are lists for {', '.join(names)}")
    lists = names if language is None else [language]
    return {name: _of_list(_read(folder, name), fewer_than, most) for name in lists}


def format_concepts(concepts_by_list: dict[str, Any], *, shown_lists: int = 20) -> str:
    """Returns the concepts as text: a table a list, the most used concepts, and those of the tail."""
    lines: list[str] = []
    ranked = sorted(concepts_by_list.items(), key=lambda item: (-item[1]["matches"][0], item[0]))
    for name, concepts in ranked[:shown_lists]:
        before, after = map(count_text, concepts["matches"])
        lines += [f"{name}: {count_text(concepts['entries'])} concepts, {before} matches before, {after} after", ""]
        lines.append(_columns("pairs a concept", "before", "after"))
        lines += [
            _columns(_range_text(step["from"], step["below"]), count_text(step["before"]), count_text(step["after"]))
            for step in concepts["distribution"]
        ]
        before, after = map(count_text, concepts["half"])
        lines += ["", f"  half of all matches are of {before} concepts before, {after} after"]
        lines += _named("most pairs before:", concepts["head"])
        few = f"{count_text(concepts['tail_size'])} concepts have fewer than {concepts['fewer_than']} pairs after"
        lines += [
            *_named(f"{few}, {count_text(concepts['unmatched'])} more have none; the fewest:", concepts["tail"]),
            "",
        ]
    if len(ranked) > shown_lists:
        lines.append(f"and {len(ranked) - shown_lists} more lists; name one with --language")
    return "\n".join(lines).rstrip() + "\n"


def _columns(label: str, before: str, after: str) -> str:
    return f"  {label:>22}  {before:>12}  {after:>12}"


def _range_text(low: int, below: int | None) -> str:
    if low == 0:
        return "none"
    if below is None:
        return f"{count_text(low)} or more"
    return f"{count_text(low)} to {count_text(below - 1)}"


def _named(title: str, concepts: list[dict[str, Any]]) -> list[str]:
    lines = [f"  {title}"]
    for concept in concepts:
        text = clipped(concept["text"], _TEXT_CHARACTERS)
        lines.append(
            f"    {text:{_TEXT_CHARACTERS}}  {count_text(concept['before']):>12}  {count_text(concept['after']):>12}"
        )
    return lines


def _read(folder: RunFolder, name: str) -> pa.Table:
    path = f"{CONCEPTS_FOLDER}/{name}.parquet"
    try:
        with folder.open(path) as file:
            return pq.read_table(file).select(CONCEPT_SCHEMA.names)
    except (OSError, KeyError, pa.ArrowException) as error:
        reason = one_line(error, limit=None)
        raise RunFolderError(f"cannot read {folder.path(path)}: {reason}; run `babelsift curate` again") from error


def _of_list(table: pa.Table, fewer_than: int, most: int) -> dict[str, Any]:
    before, after = (table.column(side).to_numpy() for side in ("before", "after"))
    tail = np.flatnonzero((after > 0) & (after < fewer_than))
    head = np.lexsort((np.arange(len(before)), -before))[:most]
    fewest = tail[np.lexsort((tail, before[tail], after[tail]))][:most]
    return {
        "entries": len(table),
        "matches": [int(before.sum()), int(after.sum())],
        "distribution": _distribution(before, after),
        "half": [_half(before), _half(after)],
        "fewer_than": fewer_than,
        "tail_size": len(tail),
        "unmatched": int((after == 0).sum()),
        "lost": int(((before > 0) & (after == 0)).sum()),
        "head": _rows(table, head[before[head] > 0]),
        "tail": _rows(table, fewest),
    }


def _distribution(before: np.ndarray, after: np.ndarray) -> list[dict[str, Any]]:
    """Returns how many concepts have how many pairs, before and after; steps without a concept are left out."""
    steps = []
    for low, high in zip(_STEPS, (*_STEPS[1:], None), strict=True):
        counts = [int(((side >= low) & ((side < high) if high else True)).sum()) for side in (before, after)]
        if any(counts):
            steps.append({"from": low, "below": high, "before": counts[0], "after": counts[1]})
    return steps


def _half(counts: np.ndarray) -> int:
    """Returns how many concepts, the most frequent first, have half of all matches."""
    running = np.cumsum(np.sort(counts)[::-1])
    return int(np.searchsorted(running, running[-1] / 2) + 1) if len(running) and running[-1] else 0


def _rows(table: pa.Table, rows: np.ndarray) -> list[dict[str, Any]]:
    return table.take(pa.array(rows)).to_pylist()
