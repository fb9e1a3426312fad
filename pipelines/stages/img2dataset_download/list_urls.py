"""Lists the URLs that img2dataset is to ask for: each once, none that was listed before, none that our rules refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.uids import digests
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET, REFUSED_URLS
from babelsift.pipelines.stages.img2dataset_download.host_check import HostCheck
from babelsift.pipelines.staging.img2dataset.imported_rows import ImportPlan, read_imported
from babelsift.pipelines.staging.img2dataset.listed_urls import (
    LIST_SCHEMA,
    REFUSED_SCHEMA,
    URLS,
    list_name,
    read_refused,
)
from babelsift.pipelines.staging.layout import LISTED_URL, SUCCESS
from babelsift.pipelines.staging.pair_keys import PartitionByUrl
from babelsift.schemas.recipe import DownloadSettings

# Whether an outcome, by its reason and detail, is to be tried again; importable or a method of a plain object.
Wants = Callable[[str | None, str | None], bool]
# What a row says of its URL: a pair has it; it is on a list, or settled; it failed and is tried again; it succeeded.
_PAIR, _KNOWN, _WANTED, _SUCCEEDED = range(4)
_ROWS = pa.schema([pa.field("url", pa.string(), nullable=False), pa.field("mark", pa.int8(), nullable=False)])


@dataclass
class ListUrls(Transform):
    """Writes a round of lists; emits how many URLs each partition listed.

    Attributes:
        folder: the run folder.
        settings: which addresses may be reached.
        pairs: the folder, within the run folder, of parquet files with a column `url`.
        number: the round's.
        partitions: of URLs; each is at most one file.
        earlier: what became of the URLs of earlier rounds; None: none of it is tried again.
        wants: which outcomes are tried again.
    """

    folder: RunFolder
    settings: DownloadSettings
    pairs: str
    number: int
    partitions: int
    earlier: ImportPlan | None = None
    wants: Wants | None = None

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[int]:
        """Brings each URL's rows together, whoever lists it."""
        sources: list[tuple[Callable[..., pa.RecordBatch], object]] = [
            *((_pairs, f"{self.pairs}/{name}") for name in self.folder.list(self.pairs, PARQUET)),
            *((_listed, name) for name in self.folder.list(URLS, PARQUET)),
            *((_refused, (name, self.wants)) for name in self.folder.list(REFUSED_URLS, PARQUET)),
            *((_imported, (shard, self.wants)) for shard in (self.earlier.shards if self.earlier else ())),
        ]
        write = _WriteList(self.folder, self.settings, self.number)
        return (
            pbegin
            | "Sources" >> beam.Create(sources, reshuffle=False)
            | "SpreadSources" >> beam.Reshuffle()
            | "Read" >> beam.Map(_read, self.folder).with_output_types(pa.RecordBatch)
            | "Split"
            >> beam.ParDo(SplitByPartition(PartitionByUrl(self.partitions))).with_output_types(
                tuple[int, pa.RecordBatch]
            )
            | "GroupByUrl" >> beam.GroupByKey()
            | "WriteList" >> beam.ParDo(write).with_output_types(int)
        )


def _read(source: tuple[Callable[..., pa.RecordBatch], object], folder: RunFolder) -> pa.RecordBatch:
    read, what = source
    return read(what, folder)


def _rows(urls: pa.Array | list[str], marks: np.ndarray | list[int]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(urls, pa.string()), pa.array(marks, pa.int8())], schema=_ROWS)


def _pairs(path: str, folder: RunFolder) -> pa.RecordBatch:
    with folder.open(path) as file:
        urls = pq.read_table(file, columns=["url"]).column("url").unique()
    return _rows(urls, np.full(len(urls), _PAIR))


def _listed(name: str, folder: RunFolder) -> pa.RecordBatch:
    with folder.open(URLS, name) as file:
        urls = pq.read_table(file, columns=[LISTED_URL]).column(LISTED_URL).unique()
    return _rows(urls, np.full(len(urls), _KNOWN))


def _refused(source: tuple[str, Wants | None], folder: RunFolder) -> pa.RecordBatch:
    name, wants = source
    return _outcomes(read_refused(name, folder), wants)


def _imported(source: tuple[int, Wants | None], folder: RunFolder) -> pa.RecordBatch:
    shard, wants = source
    return _outcomes(read_imported(shard, folder), wants)


def _outcomes(rows: pa.RecordBatch, wants: Wants | None) -> pa.RecordBatch:
    urls, marks = [], []
    columns = (rows.column(name).to_pylist() for name in ("url", "status", "reason", "detail"))
    for url, status, reason, detail in zip(*columns, strict=True):
        if url is not None:
            is_wanted = wants is not None and wants(reason, detail)
            urls.append(url)
            marks.append(_SUCCEEDED if status == SUCCESS else _WANTED if is_wanted else _KNOWN)
    return _rows(urls, marks)


class _WriteList(beam.DoFn):
    def __init__(self, folder: RunFolder, settings: DownloadSettings, number: int) -> None:
        self._folder, self._settings, self._number = folder, settings, number

    def setup(self) -> None:
        self._hosts = HostCheck(self._settings)

    def process(self, element: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[int]:
        partition, batches = element
        urls = self._hosts.check(new := _new_urls(batches))
        name = list_name(self._number, partition)
        refused = [(url, *checked.refusal) for url, checked in zip(new, urls, strict=True) if checked.refusal]
        listed = [(checked.requested, url) for url, checked in zip(new, urls, strict=True) if not checked.refusal]
        for rows, schema, path in (
            (refused, REFUSED_SCHEMA, f"{REFUSED_URLS}/{name}"),
            (listed, LIST_SCHEMA, f"{URLS}/{name}"),
        ):
            if rows:
                columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
                with self._folder.writing(path) as file:
                    pq.write_table(pa.table(columns, schema=schema), file, compression="zstd")
        yield len(listed)


def _new_urls(batches: Iterable[pa.RecordBatch]) -> list[str]:
    """Returns the URLs of pairs that nobody listed, or whose failure is tried again, in an order that spreads hosts."""
    rows = pa.Table.from_batches(list(batches))
    marked: dict[int, set[str]] = {mark: set() for mark in (_PAIR, _KNOWN, _WANTED, _SUCCEEDED)}
    for url, mark in zip(rows.column("url").to_pylist(), rows.column("mark").to_pylist(), strict=True):
        marked[mark].add(url)
    settled = (marked[_KNOWN] - marked[_WANTED]) | marked[_SUCCEEDED]
    new = sorted(marked[_PAIR] - settled)
    order = np.argsort(digests(pa.array(new, pa.string())).view("V16").view("<u8").reshape(-1, 2)[:, 1], kind="stable")
    return [new[row] for row in order]
