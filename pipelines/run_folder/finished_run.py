"""Run folders of earlier runs, which a run reads and never changes: whether they are finished, and what they kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from babelsift.pipelines.run_folder.paths import FUNNEL, PARQUET
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.schemas import Funnel, InputError, RunFolderError, one_line, public_url

_Found = TypeVar("_Found")


def look_into(place: str, look: Callable[[RunFolder], _Found], *, setting: str) -> tuple[RunFolder, _Found]:
    """Returns the run folder at a place, and what `look` finds in it.

    Args:
        setting: the recipe's that names the place, for messages.

    Raises:
        InputError: it is no finished run folder, or cannot be read.
    """
    folder = RunFolder(place)
    try:
        manifest = read_manifest(folder)
        is_finished = any(folder.list(split.folder, PARQUET) for split in SPLITS.values())
        found = look(folder)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"cannot look into {setting} {place!r}: {error}") from error
    if not is_finished:
        raise InputError(f"{setting} {place!r} has no shards; name a finished run folder")
    if manifest is not None and manifest.replacement is not None:
        raise InputError(f"{setting} {place!r} is being replaced by a run that has not ended; finish that run first")
    return folder, found


def no_complete_run(url: str) -> RunFolderError:
    """Returns the error of whoever wants a finished run where none is.

    Args:
        url: of the run folder.
    """
    return RunFolderError(
        f"{public_url(url)}: no complete run is there ({FUNNEL} is missing); run `babelsift curate` first"
    )


def read_funnel(folder: RunFolder) -> Funnel | None:
    """Returns the account of the run that made a folder's product; None where no product is complete.

    Raises:
        RunFolderError: funnel.json is damaged.
    """
    content = folder.read_json(FUNNEL, remedy="run `babelsift curate` again")
    try:
        return None if content is None else Funnel.from_json(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = one_line(error)
        raise RunFolderError(f"{folder.path(FUNNEL)} is damaged ({problem}); run `babelsift curate` again") from error


def read_kept(folder: RunFolder, columns: list[str], *, setting: str) -> pa.Table:
    """Returns columns of what a run folder's shards hold, to train and to validate with.

    Args:
        setting: the recipe's that named the folder, for messages.

    Raises:
        InputError: a shard's table cannot be read.
    """
    tables = []
    for split in SPLITS.values():
        for name in folder.list(split.folder, PARQUET):
            try:
                with folder.open(split.folder, name) as file:
                    tables.append(pq.read_table(file, columns=columns))
            except (OSError, KeyError, pa.ArrowException) as error:
                reason = one_line(error, limit=None)
                raise InputError(f"{setting}: {folder.path(split.folder, name)} cannot be read: {reason}") from error
    return pa.concat_tables(tables)
