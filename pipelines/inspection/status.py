"""What is done in a run folder, what of it a recipe would do again, and why."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from babelsift.pipelines.run_folder.fingerprints import CONDITIONS, PAID_ONCE, changes, input_files, stage_settings
from babelsift.pipelines.run_folder.finished_run import read_funnel
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import Manifest, read_manifest
from babelsift.pipelines.run_folder.paths import REMOVALS, UNFINISHED_REMOVAL
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.pipelines.run_folder.writers.lock import read_lease
from babelsift.pipelines.staging.img2dataset.imported_rows import import_summary, imported_shards
from babelsift.pipelines.staging.inventory import scored_pairs, staged_downloads, stored_values
from babelsift.schemas import OPTIONAL_STAGES, Funnel, InputError, Recipe, RunFolderError, Stage, public_url


class State(str, Enum):
    """How far a stage is. A kept stage's output serves row by row, so that only what is new is paid for."""

    DONE = "done"
    KEPT = "kept"
    STALE = "stale"
    UNFINISHED = "unfinished"


@dataclass(frozen=True)
class StageStatus:
    """One stage.

    Attributes:
        there: what lies in the folder.
        why: why the stage is not done; empty where it is done.
    """

    stage: str
    state: State
    there: str
    why: str


@dataclass(frozen=True)
class FolderStatus:
    """A run folder.

    Attributes:
        complete: whether the last run ended well.
        holder: the lease of a run that works here, or was killed here; None: there is no lease.
        removals: how often something was removed on request.
        unfinished_removal: whether a removal has begun and not ended.
    """

    folder: str
    complete: bool
    holder: dict[str, Any] | None
    stages: tuple[StageStatus, ...]
    removals: int = 0
    unfinished_removal: bool = False

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return asdict(self) | {"stages": [asdict(stage) | {"state": stage.state.value} for stage in self.stages]}


def status_of(folder: RunFolder, recipe: Recipe) -> FolderStatus:
    """Returns the folder's status for a run with the recipe on the same input.

    Raises:
        RunFolderError: no run has begun there, or another version made it.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise RunFolderError(f"{folder.url}: no run has begun there; run `babelsift curate` first")
    funnel = None if manifest.unfinished else read_funnel(folder)
    stages = tuple(_stages(folder, manifest, recipe, funnel))
    removals = sum(name.removesuffix(".json").isdecimal() for name in folder.list(REMOVALS, ".json"))
    is_unfinished, lease = folder.exists(UNFINISHED_REMOVAL), read_lease(folder)
    return FolderStatus(public_url(folder.url), funnel is not None, lease, stages, removals, is_unfinished)


def _stages(folder: RunFolder, manifest: Manifest, recipe: Recipe, funnel: Funnel | None) -> Iterator[StageStatus]:
    known_input = manifest.stages.get(Stage.READ.value, {}).get("input", {})
    changed = changes(manifest.stages, stage_settings(recipe, _input_now(known_input)))
    counted = (
        {} if funnel is None else {count.stage: f"{count.in_rows} in, {count.out_rows} kept" for count in funnel.stages}
    )
    values = stored_values(folder)
    paid = {
        Stage.DOWNLOAD: _downloads(folder, recipe),
        Stage.TEXT_COLUMNS: _columns(values, recipe, Stage.TEXT_COLUMNS, changed),
        Stage.IMAGE_COLUMNS: _columns(values, recipe, Stage.IMAGE_COLUMNS, changed),
        Stage.SCORE: _scores(folder, changed),
    }
    cause = ""
    for stage in Stage:
        if stage in OPTIONAL_STAGES and stage.value not in {*manifest.stages, *changed, *counted}:
            continue
        changes_here = "; ".join(changed.get(stage.value, []))
        there = ", ".join(filter(None, [counted.get(stage.value), *_files(folder, stage)]))
        state, why = State.DONE, ""
        if changes_here or cause:
            state, why = State.STALE, changes_here or f"follows {cause}"
        elif funnel is None:
            state, why = State.UNFINISHED, "the last run did not end"
        if stage in PAID_ONCE:
            there, redone = paid[stage]
            if redone:
                state, why = State.STALE, redone
            elif state is not State.DONE:
                state, why = State.KEPT, f"only what is not there yet is paid for ({why})"
        yield StageStatus(stage.value, state, there, why)
        cause = cause or (stage.value if changes_here else "")


def _input_now(known: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the input's files as they are; as they were where they cannot be looked at, as without its password."""
    try:
        return input_files(known)
    except InputError as error:
        logging.warning("status: whether the input has changed is not known: %s", error)
        return known


def _downloads(folder: RunFolder, recipe: Recipe) -> tuple[str, str]:
    """Returns (what is staged, why this recipe cannot use all of it)."""
    staged = staged_downloads(folder, recipe.download)
    there = [f"{staged.shards} shards, {staged.rows} rows, {staged.images} images, {staged.bytes / 1e6:.1f} MB"]
    if imported := imported_shards(folder):
        rows = sum(import_summary(folder, shard).get("rows", 0) for shard in imported)
        there = [*(there if staged.shards else ()), f"{len(imported)} imported shards, {rows} rows"]
    if staged.unfinished:
        there.append(f"{staged.unfinished} unfinished shards")
    if staged.foreign:
        there.append(f"{staged.foreign} shards of something else")
    stale = [f"{images} images in {shards} shards: {why}" for why, (shards, images, _) in staged.stale.items()]
    return ", ".join(there), "; ".join([*stale, "needs --force"]) if stale else ""


def _columns(
    values: Mapping[str, int], recipe: Recipe, stage: Stage, changed: Mapping[str, list[str]]
) -> tuple[str, str]:
    """Returns (which values of the stage's columns are stored, which columns have to be made again and why)."""
    is_text = stage is Stage.TEXT_COLUMNS
    names = {column.name for column in recipe.made_columns if column.is_of_text is is_text}
    mine = {name: count for name, count in values.items() if name.rpartition("-")[0] in names}
    there = ", ".join(f"{name}: {count} values" for name, count in mine.items()) or "no values"
    return there, _redone(changed, stage)


def _scores(folder: RunFolder, changed: Mapping[str, list[str]]) -> tuple[str, str]:
    """Returns (what is scored, which models have to score pairs again and why)."""
    pairs = scored_pairs(folder)
    there = ", ".join(f"{name}: {count} pairs" for name, count in pairs.items()) or "no scores"
    return there, _redone(changed, Stage.SCORE)


def _redone(changed: Mapping[str, list[str]], stage: Stage) -> str:
    """Why values are made again: not for conditions, which decide by them."""
    return "; ".join(line for line in changed.get(stage.value, []) if not line.startswith(f"{CONDITIONS}."))


def _files(folder: RunFolder, stage: Stage) -> Iterator[str]:
    if stage is Stage.SHARD:
        yield f"{sum(len(folder.list(split.folder, '_stats.json')) for split in SPLITS.values())} shards"
