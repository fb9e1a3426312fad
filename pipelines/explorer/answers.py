"""The explorer's answers to its page, as plain values: no HTTP in here."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from babelsift.pipelines.explorer.labels import rule_figures
from babelsift.pipelines.explorer.pairs.columns import BINS
from babelsift.pipelines.explorer.pairs.query import Query, QueryError
from babelsift.pipelines.explorer.session import LoadedRun, Session
from babelsift.pipelines.rendering.veiled import are_veiled
from babelsift.schemas import STAGE_ORDER, RecipeError, public_url
from babelsift.schemas.columns import DOWNLOAD_SCHEMA
from babelsift.schemas.json_values import json_value

MOST_ROWS = 400
# What a tile of the grid shows, where the run has it.
_TILE = ("uid", "caption", "url", "language", "fate", "stage", "reason", "value", "threshold", "width", "height")


def describe(session: Session) -> dict[str, Any]:
    """Returns what the page is to know before it asks for rows."""
    return {"runs": [_describe_run(run) for run in session.runs], "labels_file": str(session.labels.path)}


def _describe_run(run: LoadedRun) -> dict[str, Any]:
    funnel = run.run.funnel
    return {
        "name": run.name,
        "url": public_url(run.run.folder.url),
        "rows": len(run.table),
        "kept": funnel.kept_rows,
        "columns": [_describe_column(run, name) for name in run.columns.kinds if run.columns.kinds[name] != "text"],
        "stages": [stage.value for stage in STAGE_ORDER],
        "funnel": funnel.to_json(),
        "similarities": [name for name in run.columns.names("number") if name.startswith("similarity_")],
        "telling": run.telling_columns,
        "models": run.neighbours.names,
    }


def _describe_column(run: LoadedRun, name: str) -> dict[str, Any]:
    kind = run.columns.kinds[name]
    unit = (DOWNLOAD_SCHEMA.field(name).metadata or {}).get(b"unit", b"") if name in DOWNLOAD_SCHEMA.names else b""
    return {"name": name, "kind": kind, "unit": unit.decode()}


def histogram_axes(run: LoadedRun) -> dict[str, Any]:
    """Returns {column of numbers: {"edges", "whole"}}; the last of a histogram's counts are rows without a number."""
    axes = {}
    for name in run.columns.names("number"):
        numbers = run.columns.numbers(name)
        axes[name] = {"edges": numbers.edges.tolist(), "whole": numbers.is_whole, "bins": BINS}
    return axes


def rows_of(run: LoadedRun, session: Session, query: Query, offset: int, limit: int) -> dict[str, Any]:
    """Returns {"total", "kept", "rows"} of a page of a query's rows.

    Args:
        run: that is asked.
        session: knows the labels.
        query: what is asked for.
        offset: of the first row, from 0.
        limit: at most MOST_ROWS.
    """
    if offset < 0 or not 0 <= limit <= MOST_ROWS:
        raise QueryError(f"offset is not negative, limit is at most {MOST_ROWS}")
    rows = run.selection.rows(query)
    kept = int((run.columns.facet("reason").codes[rows] == 0).sum())
    return {"total": len(rows), "kept": kept, "rows": tiles(run, session, rows[offset : offset + limit])}


def tiles(run: LoadedRun, session: Session, rows: np.ndarray) -> list[dict[str, Any]]:
    """Returns what the grid shows of rows."""
    similarities = [name for name in run.table.column_names if name.startswith("similarity_")]
    names = [name for name in (*_TILE, *similarities, *run.telling_columns) if name in run.table.column_names]
    found = run.table.select([*dict.fromkeys(names), "staged_row", "key"]).take(rows).to_pylist() if len(rows) else []
    shown = []
    for number, row, is_veiled in zip(rows.tolist(), found, are_veiled(found), strict=True):
        has_image = row.pop("staged_row") is not None or (row.pop("key") is not None and row["fate"] == "kept")
        row.pop("key", None)
        tile = {name: json_value(value) for name, value in row.items()}
        tile |= {"row": number, "image": has_image, "label": session.labels.of(row["uid"]), "veiled": is_veiled}
        shown.append(tile)
    return shown


def tiles_of(run: LoadedRun, session: Session, numbers: list[int]) -> list[dict[str, Any]]:
    """Returns what the grid shows of rows by their numbers; numbers of no row are left out."""
    known = [number for number in numbers[:MOST_ROWS] if number < len(run.table)]
    return tiles(run, session, np.array(known, np.int64))


def labelled(run: LoadedRun) -> dict[str, Any]:
    """Returns how each rule of a run does by the labels."""
    return rule_figures(run.columns)


def compared(session: Session) -> dict[str, Any]:
    """Returns two runs side by side: their funnels, and by language how many pairs both keep, or one alone."""
    if len(session.runs) < 2:
        raise QueryError("one run is shown; name another folder on the command line")
    first, second = session.runs[:2]
    return {
        "names": [first.name, second.name],
        "funnels": [run.run.funnel.to_json() for run in (first, second)],
        "fates": [_by_other(first, second), _by_other(second, first)],
    }


def _by_other(run: LoadedRun, other: LoadedRun) -> dict[str, dict[str, int]]:
    """Returns {language: {"kept": pairs that a run keeps, and of these "both", "rejected", "absent" in the other}}."""
    languages, fates = run.columns.facet("language"), run.columns.facet(f"in {other.name}")
    kept = run.columns.facet("reason").codes == 0
    counts = {"kept": np.bincount(languages.codes[kept], minlength=len(languages.words))}
    for name, word in (("both", "kept"), ("rejected", "rejected"), ("absent", "absent")):
        rows = kept & (fates.codes == fates.code_of.get(word, -1))
        counts[name] = np.bincount(languages.codes[rows], minlength=len(languages.words))
    return {
        languages.words[code] or "und": {name: int(of_name[code]) for name, of_name in counts.items()}
        for code in np.argsort(-counts["kept"], kind="stable").tolist()
        if counts["kept"][code]
    }


def trial_of(run: LoadedRun, session: Session, changes: dict, at: str | None, language: str | None) -> dict[str, Any]:
    """Returns what moved thresholds keep, with the tiles of the pairs at the edge."""
    outcome = run.trial.outcome(changes, at=at, language=language)
    if outcome["edge"] is not None:
        outcome["edge"] = {side: tiles(run, session, np.array(rows)) for side, rows in outcome["edge"].items()}
    return outcome


def sliders_of(run: LoadedRun) -> dict[str, Any]:
    """Returns the thresholds that can be moved, with the range of each column; why not, where none can be."""
    try:
        sliders = run.trial.sliders()
    except RecipeError as error:
        return {"sliders": [], "why_not": str(error)}
    shown = []
    for slider in sliders:
        numbers = run.columns.numbers(slider.column)
        low, high = (float(end) for end in (numbers.edges[0], numbers.edges[-1]))
        if numbers.is_whole:  # bins of few integers begin between two
            low, high = math.ceil(low), math.floor(high)
        shown.append({**asdict(slider), "low": low, "high": high, "whole": numbers.is_whole})
    return {"sliders": shown, "why_not": None}
