"""The run folder's manifest: what was fixed when the folder was made, and what made its latest contents."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from babelsift.pipelines.run_folder.fingerprints import fingerprints
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import MANIFEST
from babelsift.pipelines.run_folder.product import Product, Replacement
from babelsift.schemas import RunFolderError

FORMAT = 2  # 1: as babelsift 0.1.0 made folders, whose manifest knows no product
PARTITIONING = 2  # of new folders; a folder keeps the version that it was made with, as what is staged is found by it
_LATER_KEYS = ("decoders", "product", "replacement", "unfinished")  # written only where they say something


@dataclass(frozen=True)
class Manifest:
    """What OUT/manifest.json holds.

    Attributes:
        partitions: staging partitions. They double as the input grows, so that a pair finds its earlier download again
            in what was its partition before.
        partitioning: version of the function that parts the pairs, see `staging.partitions`.
        format: of the folder, see FORMAT; one with a fraction is a newer minor version's.
        facts: what made the latest contents, name -> text or list of texts.
        first_partitions: those that the folder was made with; None in a folder that never grew.
        stages: of the run that began last: stage -> {setting: value}.
        fingerprints: stage -> digest of these and of all stages before it. See `run_folder.fingerprints`.
        decoders: library -> its versions that decoded images of this folder.
        product: the finished product; None: there is none yet.
        replacement: the replacement of the product that is under way; None: none is.
        unfinished: whether the run that began last has not ended yet, or never did.
        beyond: what a newer minor version wrote besides; kept as it is.
        epoch: how many runs have begun in the folder; see `run_folder.fence`.
        run: token of the one that began last.
    """

    partitions: int
    format: float = FORMAT
    facts: Mapping[str, Any] = field(default_factory=dict)
    first_partitions: int | None = None
    stages: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    decoders: Mapping[str, list[str]] = field(default_factory=dict)
    product: Product | None = None
    replacement: Replacement | None = None
    unfinished: bool = False
    beyond: Mapping[str, Any] = field(default_factory=dict)
    epoch: int = 0
    run: str = ""
    partitioning: int = 1

    def to_json(self) -> dict[str, Any]:
        """Returns plain values, keys in the order of the file."""
        first = ("epoch", "run")  # so that a fence can be read by one small request
        names = [*first, *(name for name in self.__dataclass_fields__ if name not in (*first, "beyond"))]
        content = {name: getattr(self, name) for name in names}
        for name in ("product", "replacement"):
            content[name] = content[name] and content[name].to_json()
        said = {name: value for name, value in content.items() if value or name not in _LATER_KEYS}
        return {**said, **self.beyond}


def open_manifest(folder: RunFolder, *, rows: int, rows_per_partition: int) -> Manifest:
    """Returns the folder's manifest, made on the first run.

    Args:
        rows: about how many rows the input has. A new folder gets partitions for them; in an old one they double, and
            double again, until none has to hold more than twice `rows_per_partition`.

    Raises:
        RunFolderError: the folder was made by a newer version, or the manifest is damaged.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        return Manifest(partitions=max(1, math.ceil(rows / rows_per_partition)), partitioning=PARTITIONING)
    return _grown(manifest, rows, rows_per_partition)


def read_manifest(folder: RunFolder) -> Manifest | None:
    """Returns the folder's manifest; None where no run has come as far as its first stage.

    Raises:
        RunFolderError: the folder was made by a newer version, or the manifest is damaged.
    """
    content = folder.read_json(MANIFEST, remedy=_REMEDY)
    if content is None:
        return None
    try:
        return _manifest_of(content)
    except ValueError as error:
        raise RunFolderError(f"{folder.path(MANIFEST)}: {error}") from error


_REMEDY = "restore it from a copy, or choose another --output"


def _manifest_of(content: Any) -> Manifest | None:
    """Returns a manifest of what the file holds; None of what only claims a folder.

    Raises:
        ValueError: says what is wrong with it, and the remedy.
    """
    version = content.get("format", content.get("layout")) if isinstance(content, dict) else None
    if not isinstance(version, (int, float)) or isinstance(version, bool):
        raise ValueError(f"is no manifest of babelsift; {_REMEDY}")
    if not 1 <= version < FORMAT + 1:
        raise ValueError(
            f"the folder has format {version}, this version reads formats up to {FORMAT}; "
            f"update babelsift, or choose another --output"
        )
    known = {name: content[name] for name in Manifest.__dataclass_fields__ if name in content and name != "beyond"}
    beyond = {name: value for name, value in content.items() if name not in {*known, "layout"}}
    is_claim = "partitions" in known and known["partitions"] is None
    wrong = [name for name, is_right in _KEYS.items() if name in known and not is_right(known[name])]
    if is_claim and wrong == ["partitions"]:
        return None
    if "partitions" not in known or wrong:
        problem = f"{wrong[0]} cannot be {repr(known[wrong[0]])[:60]}" if wrong else "says no partitions"
        raise ValueError(f"is damaged: {problem}; {_REMEDY}")
    first = known.get("first_partitions")
    if first is not None and known["partitions"] % first:
        raise ValueError(f"is damaged: {known['partitions']} partitions never were {first}; {_REMEDY}")
    readers = {"product": Product.from_json, "replacement": Replacement.from_json}
    try:
        parts = {name: read(known[name]) for name, read in readers.items() if known.get(name) is not None}
    except (ValueError, TypeError) as error:
        raise ValueError(f"is damaged: {error}; {_REMEDY}") from error
    return Manifest(**{**known, "format": max(version, 1), **parts, "beyond": beyond})


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_mapping_of(kind: type) -> Any:
    return lambda value: isinstance(value, dict) and all(isinstance(one, kind) for one in value.values())


_KEYS = {
    "partitions": _is_count,
    "first_partitions": lambda value: value is None or _is_count(value),
    "facts": lambda value: isinstance(value, dict),
    "stages": _is_mapping_of(dict),
    "fingerprints": _is_mapping_of(str),
    "decoders": _is_mapping_of(list),
    "epoch": lambda value: type(value) is int and value >= 0,
    "run": lambda value: isinstance(value, str),
    "partitioning": lambda value: value in range(1, PARTITIONING + 1),
    "unfinished": lambda value: isinstance(value, bool),
}


def _grown(manifest: Manifest, rows: int, rows_per_partition: int) -> Manifest:
    partitions = manifest.partitions
    while rows > 2 * partitions * rows_per_partition:
        partitions *= 2
    if partitions == manifest.partitions:
        return manifest
    first = manifest.first_partitions or manifest.partitions
    logging.info("the input has grown: %d staging partitions, %d before", partitions, manifest.partitions)
    return replace(manifest, partitions=partitions, first_partitions=first)


def save_manifest(
    folder: RunFolder, manifest: Manifest, facts: Mapping[str, Any], stages: Mapping[str, dict[str, Any]] | None = None
) -> Manifest:
    """Writes the manifest with new facts and, where a run begins, the settings of its stages; returns it."""
    manifest = replace(manifest, facts=facts, format=max(manifest.format, FORMAT))
    if stages is not None:
        manifest = replace(manifest, stages=stages, fingerprints=fingerprints(stages), unfinished=True)
    write_manifest(folder, manifest)
    return manifest


def write_manifest(folder: RunFolder, manifest: Manifest) -> None:
    """Writes the manifest as it is, in the epoch of the run that writes it."""
    if folder.fence is not None:
        manifest = replace(manifest, epoch=folder.fence.epoch, run=folder.fence.run)
    folder.write_json(MANIFEST, manifest.to_json())
