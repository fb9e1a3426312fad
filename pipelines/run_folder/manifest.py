"""The run folder's manifest: what was fixed when the folder was made, and what made its latest contents."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from babelsift.pipelines.run_folder.fingerprints import fingerprints
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import RunFolderError

MANIFEST = "manifest.json"
_LAYOUT = 1


@dataclass(frozen=True)
class Manifest:
    """What OUT/manifest.json holds.

    Attributes:
        partitions: staging partitions. They double as the input grows, so that a pair finds its earlier download again
            in what was its partition before. layout: version of the folder's layout. facts: what made the latest
            contents, name -> text or list of texts. first_partitions: those that the folder was made with; None in a
            folder that never grew. stages: of the run that began last: stage -> {setting: value}.
            fingerprints: stage -> digest of these and of all stages before it. See `run_folder.fingerprints`.
    """

    partitions: int
    layout: int = _LAYOUT
    facts: dict[str, Any] = field(default_factory=dict)
    first_partitions: int | None = None
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)


def open_manifest(folder: RunFolder, *, rows: int, rows_per_partition: int) -> Manifest:
    """Returns the folder's manifest, made on the first run.

    Args: rows: about how many rows the input has. A new folder gets partitions for them; in an old one they double, and
        double again, until none has to hold more than twice `rows_per_partition`.
    Raises: RunFolderError: the folder was made by another version, or cannot be written.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        return Manifest(partitions=max(1, math.ceil(rows / rows_per_partition)))
    return _grown(manifest, rows, rows_per_partition)


def read_manifest(folder: RunFolder) -> Manifest | None:
    """Returns the folder's manifest; None where no run has begun.

    Raises: RunFolderError: the folder was made by another version.
    """
    content = folder.read_json(MANIFEST)
    if content is None:
        return None
    try:
        manifest = Manifest(**content)
    except TypeError as error:
        raise RunFolderError(f"{folder.path(MANIFEST)}: not a manifest ({error}); use another --output") from error
    if manifest.layout != _LAYOUT:
        found = f"has layout {manifest.layout}, this version writes {_LAYOUT}"
        raise RunFolderError(f"{folder.path()}: {found}; use another --output")
    return manifest


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
    folder: RunFolder, manifest: Manifest, facts: dict[str, Any], stages: dict[str, dict[str, Any]] | None = None
) -> None:
    """Writes the manifest with new facts and, where a run begins, the settings of its stages."""
    if stages is not None:
        manifest = replace(manifest, stages=stages, fingerprints=fingerprints(stages))
    folder.write_json(MANIFEST, asdict(manifest) | {"facts": facts})
