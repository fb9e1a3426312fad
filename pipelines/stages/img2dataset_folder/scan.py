"""An img2dataset output folder in the place of downloading: looked through once, then matched to the input.

    OUT/staging/adopted/NNNNN.parquet       what a shard of the folder holds, as `img2dataset_folder.shard` found it
                       /NNNNN_stats.json    written last: what the shard's files were then, and what was wrong with them
The folder itself is only read. Its tars stay where they are, and the run reads images from there.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.inputs.plan import InputPlan, plan_input
from babelsift.pipelines.run_folder.folder import RunFolder, TarFolder
from babelsift.pipelines.stages.img2dataset_folder.shard import ADOPTED_SCHEMA, adopt_shard
from babelsift.pipelines.staging.layout import PARQUET, STATS, TAR
from babelsift.schemas import InputError, RunFolderError
from babelsift.schemas.recipe import DownloadSettings

ADOPTED = "staging/adopted"
ADOPTED_ROWS = pa.schema([*ADOPTED_SCHEMA, pa.field("staging_shard", pa.int32())])
TAKEN_FROM = "images taken from"  # the fact that names the folder in a manifest
_VERSION = 2  # of what is found in a shard; raised when the same files would give other rows


@dataclass(frozen=True)
class AdoptionPlan:
    """The shards of a folder, by number."""

    tars: TarFolder
    shards: tuple[int, ...]


def plan_adoption(url: str) -> AdoptionPlan:
    """Returns what there is in a folder that img2dataset wrote with `output_format=webdataset`.

    Raises: InputError: there is no such shard; says what the folder looks like.
    """
    try:
        names = RunFolder(url).list("")
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"--staging {url}: cannot be listed: {error}") from error
    stems = {name.removesuffix(suffix) for name in names for suffix in (TAR, PARQUET) if name.endswith(suffix)}
    shards = {stem for stem in stems if stem.isascii() and stem.isdecimal()}
    if not any(stem + TAR in names for stem in shards):
        found = f"it holds {', '.join(names[:3])} ..." if names else "it is empty or not there"
        raise InputError(f"--staging {url}: no 00000.tar; {found}; it takes img2dataset's output_format=webdataset")
    digits = {len(stem) for stem in shards}
    if len(digits) > 1:
        raise InputError(f"--staging {url}: shards of {sorted(digits)} digits; give one img2dataset output folder")
    return AdoptionPlan(TarFolder(url, digits.pop()), tuple(sorted(int(stem) for stem in shards)))


def plan_adopted_input(folder: RunFolder, plan: AdoptionPlan) -> InputPlan:
    """Returns the plan for reading the folder's own pairs, with the columns that are not img2dataset's carried.

    Raises: InputError: the folder has no captions.
    """
    names = [folder.path(ADOPTED, f"{shard:05d}{PARQUET}") for shard in plan.shards]
    found = plan_input([folder.fs.unstrip_protocol(name) for name in names], url_column="url", caption_column="caption")
    if not any(_summary(folder, shard).get("captions") for shard in plan.shards):
        raise InputError(f"--staging {plan.tars.url}: has no captions; give the table that has them with --input")
    own = frozenset(ADOPTED_SCHEMA.names)
    sources = {name: source for name, source in found.sources.items() if source not in own}
    carried = [field for field in found.carried if field.name in sources]
    return dataclasses.replace(found, carried=pa.schema(carried), sources=sources)


@dataclass
class AdoptStaging(Transform):
    """Looks through a folder's shards, those that are new or changed since; emits what it found of each."""

    folder: RunFolder
    settings: DownloadSettings
    plan: AdoptionPlan

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[dict]:
        """Spreads the shards over the workers."""
        return (
            pbegin
            | "AdoptedShards" >> beam.Create(list(self.plan.shards), reshuffle=False)
            | "SpreadShards" >> beam.Reshuffle()
            | "Adopt" >> beam.ParDo(_Adopt(self.folder, self.settings, self.plan))
        )


class _Adopt(beam.DoFn):
    def __init__(self, folder: RunFolder, settings: DownloadSettings, plan: AdoptionPlan) -> None:
        self._folder, self._settings, self._plan = folder, settings, plan

    def setup(self) -> None:
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="measure")

    def process(self, element: int) -> Iterator[dict[str, Any]]:
        source, name = RunFolder(self._plan.tars.url), self._plan.tars.name(element)
        print_of = {
            "version": _VERSION,
            "source": self._plan.tars.url,
            "limits": [self._settings.max_body_bytes, self._settings.max_source_pixels],
            "files": {suffix: _file_print(source, name + suffix) for suffix in (TAR, PARQUET, STATS)},
        }
        known = _summary(self._folder, element)
        if known.get("fingerprint") == print_of:
            yield known
            return
        self._folder.remove(_path(element, STATS))
        try:
            found = adopt_shard(source, name, self._settings, self._pool)
        except OSError as error:
            where = source.path(name)
            raise InputError(f"--staging: cannot read {where}: {error}; mend that and run the same command") from error
        for problem in found.problems:
            logging.warning("staging: %s: %s", self._plan.tars.url, problem)
        with self._folder.writing(_path(element, PARQUET)) as file:
            pq.write_table(found.rows, file, compression="zstd")
        summary = {
            "rows": len(found.rows),
            "captions": len(found.rows) - found.rows.column("caption").null_count,
            "problems": list(found.problems),
            "fingerprint": print_of,
        }
        self._folder.write_json(_path(element, STATS), summary)
        logging.info("staging: shard %s: %d rows", name, len(found.rows))
        yield summary

    def teardown(self) -> None:
        self._pool.shutdown()


def _path(shard: int, suffix: str) -> str:
    return f"{ADOPTED}/{shard:05d}{suffix}"


def _summary(folder: RunFolder, shard: int) -> dict[str, Any]:
    found = folder.read_json(ADOPTED, f"{shard:05d}{STATS}")
    return found if isinstance(found, dict) else {}


def problems_of(folder: RunFolder, plan: AdoptionPlan) -> list[str]:
    """Returns what was wrong with the folder's shards, one line each."""
    return [problem for shard in plan.shards for problem in _summary(folder, shard).get("problems", [])]


def rows_of(folder: RunFolder, plan: AdoptionPlan) -> int:
    """Returns how many rows the folder's shards have."""
    return sum(_summary(folder, shard)["rows"] for shard in plan.shards)


def adopted_shards(folder: RunFolder) -> list[int]:
    """Returns the numbers of the shards that were looked through."""
    return [int(name.removesuffix(STATS)) for name in folder.list(ADOPTED, STATS)]


def adopted_plan(folder: RunFolder, url: str) -> AdoptionPlan:
    """Returns the shards that a finished run took from a folder, as they were looked through; that folder is not read.

    Raises: RunFolderError: there are none.
    """
    shards = [
        shard for shard in adopted_shards(folder) if _summary(folder, shard).get("fingerprint", {}).get("source") == url
    ]
    if not shards:
        raise RunFolderError(f"{folder.url}: no images were taken from {url}; run `babelsift curate --staging` first")
    return AdoptionPlan(TarFolder(url, 5), tuple(shards))


def read_adopted(shard: int, folder: RunFolder) -> pa.RecordBatch:
    """Returns what was found of a shard, and its number."""
    with folder.open(_path(shard, PARQUET)) as file:
        table = pq.read_table(pa.PythonFile(file, mode="r"), columns=ADOPTED_SCHEMA.names)
    numbers = pa.array(np.full(len(table), shard), pa.int32())
    columns = [table.column(name).combine_chunks() for name in ADOPTED_SCHEMA.names]
    return pa.RecordBatch.from_arrays([*columns, numbers], schema=ADOPTED_ROWS)


def _file_print(source: RunFolder, name: str) -> str | None:
    """What changes when a file does."""
    return str(source.fs.ukey(source.path(name))) if source.exists(name) else None
