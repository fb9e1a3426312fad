"""Replacing a finished product by another one, so that a kill at any point is mended by the same command.

Before the first final file is touched it is known how many samples there will be. Then the manifest says that a
replacement is under way, and of which files; files are written whole under their names; the manifest names the new
product; what it lacks is removed; the manifest says that nothing is under way any more, and funnel.json that the
folder is complete.
"""

from __future__ import annotations

import hashlib
import json
import logging
import posixpath
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import FORMAT, Manifest, read_manifest, write_manifest
from babelsift.pipelines.run_folder.paths import CONCEPTS_FOLDER, FUNNEL, PARQUET, RECIPE, REJECTS, SIZES, STATS, TAR
from babelsift.pipelines.run_folder.product import PRODUCT_FOLDERS, SINGLE_FILES, Product, Replacement
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.pipelines.storage.store import is_temporary
from babelsift.schemas import RunFolderError, Stage

_LEAST_SHARE = 0.5
_UNKNOWN_FILES_SHOWN = 3


def recipe_digest(stages: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns the digest of the settings that decide which samples are kept: all but the input and the shards' shape.

    Args:
        stages: as `fingerprints.stage_settings` returns them.
    """
    decisive = {name: settings for name, settings in stages.items() if name not in (Stage.READ, Stage.SHARD)}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class ShrinkGuard:
    """Stops a run that would leave a folder with nothing, or with much less by the same recipe.

    Attributes:
        is_off: whether the user allows it.
    """

    is_off: bool = False

    def check(self, folder: RunFolder, held: Product, planned: Product, left_out: str = "") -> None:
        """Compares what the folder holds with what it would hold.

        Args:
            left_out: what most of the pairs were left out by, for the message.

        Raises:
            RunFolderError: it would hold nothing, or less than half as many samples by the same recipe.
        """
        before, after = held.total_samples, planned.total_samples
        is_same = bool(held.recipe) and held.recipe == planned.recipe
        if self.is_off or not before or (after and not (is_same and after < _LEAST_SHARE * before)):
            return
        by = " by the same recipe" if is_same else ""
        raise RunFolderError(
            f"{folder.url} holds {before} samples, this run would leave {after}{by}{left_out}; nothing in the folder "
            "was changed: mend the cause and run again, or pass --allow-shrink, or choose another --output"
        )


def begin_replacement(folder: RunFolder, planned: Product, guard: ShrinkGuard, *, left_out: str = "") -> None:
    """Writes down which files the folder will hold, and takes away what says that it is complete.

    Doing so again changes nothing.

    Raises:
        RunFolderError: the guard stops the run, or a file that no run wrote has the name of one that this run would.
    """
    manifest = _manifest(folder)
    held = manifest.product or Product()
    guard.check(folder, held, planned, left_out)
    unfinished = manifest.replacement
    ours = {RECIPE, *held.files(), *(unfinished.files() if unfinished else ())}
    foreign = set(planned.files()) & set(product_files(folder)) - ours
    if foreign and (unknown := sorted(foreign - _committed(folder, foreign))):
        raise RunFolderError(
            f"{folder.url}: {', '.join(unknown[:_UNKNOWN_FILES_SHOWN])}: no run of babelsift wrote this, and this run "
            "would write that name; nothing was changed: move it away, or choose another --output"
        )
    before: list[Product] = []
    for product in [*unfinished.before, unfinished.planned, held] if unfinished else [held]:
        if product not in (Product(), planned, *before):
            before.append(product)
    write_manifest(folder, replace(manifest, replacement=Replacement(planned, tuple(before))))
    folder.remove(FUNNEL)


def finish_replacement(folder: RunFolder, written: Collection[str]) -> None:
    """Names the new product, removes what it lacks of the one before, and says that nothing is under way any more.

    Args:
        written: paths of the new product's files; those that each product has, under names that never change, may be
            left out.
    """
    manifest = _manifest(folder)
    if manifest.replacement is None:
        return
    planned, kept = manifest.replacement.planned, {*written, *SINGLE_FILES}
    write_manifest(folder, replace(manifest, product=planned))
    lacking = (manifest.replacement.files() & set(product_files(folder))) - kept
    # A shard's commit mark first: what a kill leaves of it is no shard.
    for path in sorted(lacking, key=lambda path: (not path.endswith(STATS), path)):
        folder.remove(path)
    if lacking:
        logging.info("run folder: removed %d files that the new version does not have", len(lacking))
    write_manifest(folder, replace(manifest, product=planned, replacement=None, unfinished=False))


def product_files(folder: RunFolder) -> list[str]:
    """Returns the paths of all files that lie where a product's do, temporary names left out."""
    top = folder.store.list("")
    folders = {entry.name for entry in top if entry.is_folder} & {*PRODUCT_FOLDERS, "report"}
    below = chain.from_iterable(folder.do_all([partial(folder.files_under, where) for where in sorted(folders)]))
    return [path for path in (*(entry.name for entry in top if not entry.is_folder), *below) if not is_temporary(path)]


def with_held_product(folder: RunFolder, manifest: Manifest) -> Manifest:
    """Returns the manifest of a folder as this version keeps it: one that 0.1.0 made says what product it has."""
    if manifest.format >= FORMAT:
        return manifest
    files = product_files(folder)
    shards = {name: _shards_in(files, split.folder) for name, split in SPLITS.items()}
    sizes = {name: _sum_of_sizes(folder.read_json(split.folder, SIZES)) for name, split in SPLITS.items()}
    product = Product(
        has_image_tables=False,
        samples={name: sizes[name] for name, count in shards.items() if count},
        shards={name: count for name, count in shards.items() if count},
        models=tuple(sorted({model for split in SPLITS.values() for model in folder.folders(split.embeddings)})),
        ledger_files=1 + max(_numbers(files, REJECTS, PARQUET), default=-1),
        concepts=tuple(posixpath.basename(path) for path in files if path.startswith(f"{CONCEPTS_FOLDER}/")),
        recipe=recipe_digest(manifest.stages),
    )
    # Whether its last run ended or was killed half way, each of these files is its own.
    return replace(manifest, product=product, replacement=Replacement(product))


def _shards_in(files: Iterable[str], folder: str) -> int:
    numbers = (number for suffix in (TAR, PARQUET, STATS) for number in _numbers(files, folder, suffix))
    return 1 + max(numbers, default=-1)


def _numbers(files: Iterable[str], folder: str, suffix: str) -> Iterable[int]:
    for path in files:
        if path.startswith(f"{folder}/") and path.endswith(suffix):
            stem = path.removeprefix(f"{folder}/").removesuffix(suffix)
            if stem.isascii() and stem.isdecimal():
                yield int(stem)


def _sum_of_sizes(content: Any) -> int:
    return sum(size for size in content.values() if type(size) is int) if isinstance(content, dict) else 0


def _committed(folder: RunFolder, paths: Collection[str]) -> set[str]:
    """Those of some paths that a shard's commit mark among them names."""
    named: set[str] = set()
    for path in paths:
        if path.endswith(STATS):
            mark = folder.read_commit_mark(path) or {}
            if isinstance(mark.get("files"), dict) and "fingerprint" in mark:
                named |= {path, *mark["files"]}
    return named & set(paths)


def _manifest(folder: RunFolder) -> Manifest:
    manifest = read_manifest(folder)
    if manifest is None:
        raise RunFolderError(f"{folder.url}: its manifest is gone while a run works there; run again")
    return manifest
