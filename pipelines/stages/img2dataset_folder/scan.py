"""An img2dataset output folder in the place of downloading: its rows are imported once, then matched to the input.

The folder itself is only read. Its tars stay where they are, and the run reads images from there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.filters.image import measure_image
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.decoding import OF_THE_MACHINE, ImageDecoders
from babelsift.pipelines.inputs.columns import ColumnChoice
from babelsift.pipelines.inputs.plan import plan_files
from babelsift.pipelines.inputs.slices import InputFile, InputPlan
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import IMPORTED_FOLDER, PARQUET, STATS, TAR
from babelsift.pipelines.stages.img2dataset_folder.shard import import_shard
from babelsift.pipelines.staging.hash_lists import read_hash_lists
from babelsift.pipelines.staging.images import TarFolder
from babelsift.pipelines.staging.img2dataset.imported_rows import (
    IMPORTED_SCHEMA,
    ImportPlan,
    import_summary,
    imported_path,
)
from babelsift.pipelines.storage.errors import describe_storage_error
from babelsift.schemas import InputError, public_url
from babelsift.schemas.recipe import DownloadSettings

_VERSION = 3  # of what is found in a shard; raised when the same files would give other rows


def plan_import(url: str) -> ImportPlan:
    """Returns what there is in a folder that img2dataset wrote with `output_format=webdataset`.

    Raises:
        InputError: there is no such shard; says what the folder looks like.
    """
    try:
        names = RunFolder(url).list("")
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"--staging {url}: cannot be listed: {describe_storage_error(error)}") from error
    stems = {name.removesuffix(suffix) for name in names for suffix in (TAR, PARQUET) if name.endswith(suffix)}
    shards = {stem for stem in stems if stem.isascii() and stem.isdecimal()}
    if not any(stem + TAR in names for stem in shards):
        content = f"it holds {', '.join(names[:3])} ..." if names else "it is empty or not there"
        raise InputError(f"--staging {url}: no 00000.tar; {content}; it takes img2dataset's output_format=webdataset")
    digits = {len(stem) for stem in shards}
    if len(digits) > 1:
        raise InputError(f"--staging {url}: shards of {sorted(digits)} digits; give one img2dataset output folder")
    return ImportPlan(TarFolder(url, digits.pop()), tuple(sorted(int(stem) for stem in shards)))


def plan_imported_input(folder: RunFolder, plan: ImportPlan) -> InputPlan:
    """Returns the plan for reading the folder's own pairs, with the columns that are not img2dataset's carried.

    Raises:
        InputError: the folder has no captions.
    """
    names = [f"{shard:05d}{PARQUET}" for shard in plan.shards]
    files = [InputFile(f"{folder.url.rstrip('/')}/{IMPORTED_FOLDER}/{name}", name) for name in names]
    files_plan = plan_files(files, ColumnChoice("url", "caption"))
    if not any(import_summary(folder, shard).get("captions") for shard in plan.shards):
        raise InputError(f"--staging {plan.tars.url}: has no captions; give the table that has them with --input")
    own_columns = frozenset(IMPORTED_SCHEMA.names)
    return files_plan.keeping(name for name, source in files_plan.sources.items() if source not in own_columns)


@dataclass
class ImportShards(Transform):
    """Looks through a folder's shards, those that are new or changed since; emits what it found of each."""

    folder: RunFolder
    settings: DownloadSettings
    plan: ImportPlan

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[dict]:
        """Spreads the shards over the workers."""
        return (
            pbegin
            | "FolderShards" >> beam.Create(list(self.plan.shards), reshuffle=False)
            | "SpreadShards" >> beam.Reshuffle()
            | "Import" >> beam.ParDo(_ImportShard(self.folder, self.settings, self.plan))
        )


class _ImportShard(beam.DoFn):
    def __init__(self, folder: RunFolder, settings: DownloadSettings, plan: ImportPlan) -> None:
        self._folder, self._settings, self._plan = folder, settings, plan

    def setup(self) -> None:
        self._lists = read_hash_lists(self._settings.hash_lists)
        limit = self._settings.max_source_pixels
        measure = partial(measure_image, max_source_pixels=limit, with_pdq=bool(self._lists))
        self._decoders = ImageDecoders(measure, timeout_s=self._settings.decode_timeout_s)

    def process(self, element: int) -> Iterator[dict[str, Any]]:
        source, name = RunFolder(self._plan.tars.url), self._plan.tars.name(element)
        print_of = {
            "version": _VERSION,
            "source": public_url(self._plan.tars.url),
            "limits": [self._settings.max_body_bytes, self._settings.max_source_pixels],
            "files": {suffix: _file_print(source, name + suffix) for suffix in (TAR, PARQUET, STATS)},
            **({"hash_lists": self._lists.fingerprint} if self._lists else {}),
        }
        known = import_summary(self._folder, element)
        if known.get("fingerprint") == print_of:
            yield known
            return
        self._folder.remove(imported_path(element, STATS))
        try:
            imported = import_shard(source, name, self._settings, self._decoders, self._lists)
        except OSError as error:
            where = source.path(name)
            raise InputError(f"--staging: cannot read {where}: {error}; mend that and run the same command") from error
        for problem in imported.problems:
            logging.warning("staging: %s: %s", self._plan.tars.url, problem)
        with self._folder.writing(imported_path(element, PARQUET)) as file:
            pq.write_table(imported.rows, file, compression="zstd")
        summary = {
            "rows": len(imported.rows),
            "captions": len(imported.rows) - imported.rows.column("caption").null_count,
            "problems": list(imported.problems),
            "fingerprint": None if _has_failed_here(imported.rows) else print_of,
        }
        self._folder.write_json(imported_path(element, STATS), summary)
        logging.info("staging: shard %s: %d rows", name, len(imported.rows))
        yield summary

    def teardown(self) -> None:
        self._decoders.close()


def _has_failed_here(rows: pa.Table) -> bool:
    """Whether an image was not decoded for no reason of its own: its shard is to be looked through again."""
    reasons = pa.array([reason.value for reason in OF_THE_MACHINE])
    return pc.any(pc.is_in(rows.column("reason"), value_set=reasons)).as_py() or False


def _file_print(source: RunFolder, name: str) -> str | None:
    """What changes when a file does."""
    return str(source.fs.ukey(source.path(name))) if source.exists(name) else None
