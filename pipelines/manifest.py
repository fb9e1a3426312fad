"""The run folder's manifest: what was fixed when the folder was made, and what made its latest contents."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pipelines.fingerprints import fingerprints
from pipelines.run_folder import RunFolder
from schemas import RunFolderError

MANIFEST = "manifest.json"
_LAYOUT = 1


@dataclass(frozen=True)
class Manifest:
    """What OUT/manifest.json holds.

    Attributes:
        partitions: staging partitions; fixed for the folder's life, so that a pair finds its earlier download again.
        layout: version of the folder's layout. facts: what made the latest contents, name -> text or list of texts.
        stages: of the run that began last: stage -> {setting: value}. fingerprints: stage -> digest of these and of all
            stages before it. See `pipelines.fingerprints`.
    """

    partitions: int
    layout: int = _LAYOUT
    facts: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)


def open_manifest(folder: RunFolder, *, rows: int, rows_per_partition: int) -> Manifest:
    """Returns the folder's manifest, made on the first run.

    Args: rows: about how many rows the input has; decides the number of partitions of a new folder only.
    Raises: RunFolderError: the folder was made by another version, or cannot be written.
    """
    return read_manifest(folder) or Manifest(partitions=max(1, math.ceil(rows / rows_per_partition)))


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


def save_manifest(
    folder: RunFolder, manifest: Manifest, facts: dict[str, Any], stages: dict[str, dict[str, Any]] | None = None
) -> None:
    """Writes the manifest with new facts and, where a run begins, the settings of its stages."""
    if stages is not None:
        manifest = replace(manifest, stages=stages, fingerprints=fingerprints(stages))
    folder.write_json(MANIFEST, asdict(manifest) | {"facts": facts})
