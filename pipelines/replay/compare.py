"""Where two recipes differ on the pairs of a finished run: counts by language, reasons, and samples of captions."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.filters.uids import order_keys
from babelsift.pipelines.rendering.number_format import clipped, count_text, share_text
from babelsift.pipelines.replay.dry_run import KEPT, dry_run
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import REJECTS
from babelsift.schemas import LEDGER_SCHEMA, Recipe, RecipeError

_ROW = ["source_file", "source_row", "uid"]
_CAPTION_CHARACTERS = 90


def compare_recipes(
    output: str, recipes: Sequence[Recipe], inputs: Sequence[str] = (), *, samples: int = 5
) -> dict[str, Any]:
    """Returns how two recipes differ on the pairs of a finished run, or of an input, by what the run has stored.

    Args:
        output: the run folder; nothing in it is written.
        recipes: two.
        inputs: globs; none: the run's own pairs.
        samples: how many pairs are shown of those that only one recipe keeps, at most.

    Returns:
        {"recipes": names, "kept", "not_stored", "other_downloads": a value a recipe, "both", "only": a value a recipe,
        "languages": {language: the same counts}, "reasons": for each recipe, {reason: pairs that it leaves out and the
        other keeps}, "samples": for each recipe, such pairs}.

    Raises:
        BabelsiftError: see `babelsift.pipelines.replay.dry_run.dry_run`.
    """
    columns = [recipe.read.columns for recipe in recipes]
    if inputs and columns[0] != columns[1]:
        raise RecipeError("compare: the recipes' read.columns differ, so they read different pairs; set both alike")
    runs, tables = [], []
    for recipe in recipes:
        with tempfile.TemporaryDirectory(prefix="babelsift-compare-") as scratch:
            fates = RunFolder(scratch)
            runs.append(dry_run(recipe, output, inputs, fates=fates))
            tables.append(_fates(fates))
    first, second = _side_by_side(*tables)
    keeps = [np.asarray(pc.equal(table.column("reason"), KEPT)) for table in (first, second)]
    # The ledger has no language for pairs that were left out before it was known: the other recipe may know it.
    languages = pc.fill_null(pc.coalesce(first.column("language"), second.column("language")), "und")
    return {
        "recipes": [recipe.name for recipe in recipes],
        "not_stored": [run.not_stored for run in runs],
        "other_downloads": [run.other_downloads for run in runs],
        **_counts(keeps, np.ones(len(first), bool)),
        "languages": _by_language(keeps, np.array(languages.to_pylist(), dtype=object)),
        "reasons": [_reasons(first, keeps[1] & ~keeps[0]), _reasons(second, keeps[0] & ~keeps[1])],
        "samples": [
            _samples(first, languages, keeps[1] & ~keeps[0], samples),
            _samples(second, languages, keeps[0] & ~keeps[1], samples),
        ],
    }


def format_comparison(comparison: dict[str, Any], *, shown_languages: int = 30) -> str:
    """Returns a comparison as text."""
    names = _distinct(comparison["recipes"])
    heads = ("language", f"kept by {names[0]}", f"by {names[1]}", "both", f"only {names[0]}", f"only {names[1]}")
    rows = [("all", *_cells(comparison))]
    rows += [
        (language, *_cells(counts)) for language, counts in list(comparison["languages"].items())[:shown_languages]
    ]
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    lines = ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    if (more := len(comparison["languages"]) - shown_languages) > 0:
        lines.append(f"and {more} more languages")
    for side, other in ((0, 1), (1, 0)):
        total = comparison["only"][other]
        if not total:
            continue
        lines += ["", f"{names[side]} leaves out {count_text(total)} pairs that {names[other]} keeps:"]
        for reason, pairs in comparison["reasons"][side].items():
            lines.append(f"  {reason}  {count_text(pairs)}  {share_text(pairs, total)}")
        for sample in comparison["samples"][side]:
            asked = f", asked for {sample['threshold']}" if sample["threshold"] is not None else ""
            value = f", found {sample['value']}" if sample["value"] is not None else ""
            caption = clipped(sample["caption"] or "", _CAPTION_CHARACTERS)
            lines.append(f"    {sample['language']}  {caption!r}  {sample['reason']}{clipped(value, 60)}{asked}")
    lines += unknown_lines(names, comparison["not_stored"], comparison["other_downloads"])
    return "\n".join(lines) + "\n"


def unknown_lines(
    names: Sequence[str], not_stored: Sequence[dict[str, int]], other_downloads: Sequence[dict[str, int]]
) -> list[str]:
    """Returns a line for each recipe and stage with pairs whose fate is unknown, as their results are not stored.

    Args:
        names: the recipes'.
        not_stored, other_downloads: of each recipe, see `babelsift.pipelines.replay.dry_run.DryRun`.
    """
    unpaid = {"download": "were never downloaded", "score": "were never scored"}
    unpaid |= dict.fromkeys(("text_columns", "image_columns"), "have no value in a column")
    lines = [
        f"not known: by {name}, {count_text(pairs)} pairs {unpaid[stage]}; `babelsift curate` pays for them"
        for name, stages in zip(names, not_stored, strict=True)
        for stage, pairs in stages.items()
    ]
    return lines + [
        f"not as {name} says: {count_text(images)} stored images were downloaded with other settings ({why}); "
        "`babelsift curate --force` downloads them again"
        for name, settings in zip(names, other_downloads, strict=True)
        for why, images in settings.items()
    ]


def _fates(folder: RunFolder) -> pa.Table:
    tables = []
    for name in folder.list(REJECTS, ".parquet"):
        with folder.open(REJECTS, name) as file:
            tables.append(pq.read_table(file))
    return pa.concat_tables(tables) if tables else LEDGER_SCHEMA.empty_table()


def _side_by_side(first: pa.Table, second: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Returns both tables in the order of the rows in the input: every row has one fate in each."""
    order = [(name, "ascending") for name in _ROW]
    first, second = (table.sort_by(order).combine_chunks() for table in (first, second))
    if not first.select(_ROW).equals(second.select(_ROW)):
        raise AssertionError("two dry runs on one folder saw different rows")
    return first, second


def _counts(keeps: list[np.ndarray], rows: np.ndarray) -> dict[str, Any]:
    first, second = keeps[0][rows], keeps[1][rows]
    return {
        "kept": [int(first.sum()), int(second.sum())],
        "both": int((first & second).sum()),
        "only": [int((first & ~second).sum()), int((second & ~first).sum())],
    }


def _by_language(keeps: list[np.ndarray], languages: np.ndarray) -> dict[str, dict[str, Any]]:
    """Returns the counts of each language of which a recipe keeps a pair, the most differences first."""
    either = keeps[0] | keeps[1]
    counts = {language: _counts(keeps, languages == language) for language in set(languages[either].tolist())}
    return dict(sorted(counts.items(), key=lambda item: (-sum(item[1]["only"]), -sum(item[1]["kept"]), item[0])))


def _reasons(fates: pa.Table, rows: np.ndarray) -> dict[str, int]:
    counts = pc.value_counts(fates.filter(pa.array(rows)).column("reason").combine_chunks()).to_pylist()
    return {
        count["values"]: count["counts"]
        for count in sorted(counts, key=lambda count: (-count["counts"], count["values"]))
    }


def _samples(fates: pa.Table, languages: pa.ChunkedArray, rows: np.ndarray, most: int) -> list[dict[str, Any]]:
    """Returns pairs drawn by their uids, so that the same pairs are shown each time."""
    table = fates.set_column(fates.schema.get_field_index("language"), "language", languages).filter(pa.array(rows))
    if not len(table) or not most:
        return []
    order = np.argsort(order_keys(table.column("uid").combine_chunks(), 0), kind="stable")[:most]
    shown = ["uid", "url", "caption", "language", "stage", "reason", "value", "threshold"]
    return table.take(pa.array(order)).select(shown).to_pylist()


def _distinct(names: Sequence[str]) -> list[str]:
    return (
        list(names)
        if len(set(names)) == len(names)
        else [f"{name} ({letter})" for name, letter in zip(names, "AB", strict=True)]
    )


def _cells(counts: dict[str, Any]) -> list[str]:
    return [count_text(number) for number in (*counts["kept"], counts["both"], *counts["only"])]
