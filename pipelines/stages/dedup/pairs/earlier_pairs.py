"""Pairs of earlier datasets: which uids or URLs of this input they have, found without holding an earlier dataset.

The digests of earlier datasets travel as digest records (see `core.lowest_per_digest`) and are merged with the input's
a partition; only those that the input shares come out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.dedup import digest_records, lowest_per_digest, pack_digest_records, unpack_digest_records
from babelsift.filters.uids import uid_bytes
from babelsift.pipelines.core.groups.lowest_per_digest import (
    Digest,
    MakeDigestRecords,
    MergeDigestRecords,
    split_digest_records,
)
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.inputs.list_files import files_in
from babelsift.pipelines.inputs.named_file import open_named_file
from babelsift.pipelines.inputs.pairs import text_from_arrow
from babelsift.pipelines.inputs.slices import URL_COLUMNS
from babelsift.pipelines.run_folder.paths import TOMBSTONES
from babelsift.schemas import InputError, public_url

UID, URL = "uid", "url"
# A column, or part of a .npy file's name: digests of URLs (`filters.uids.digests`), 32 hex digits or u8 pairs.
URL_DIGEST = "url_digest"
_ROWS_AT_ONCE = 262_144
# What one earlier row adds to a digest record's rows; the input's own rows are counted below it.
_EARLIER = 1 << 40
_SUBSET_DTYPE = np.dtype("u8,u8")
_SETTING = "dedup_pairs.earlier"
_REMEDY = "copy it again, or leave it out"


@dataclass(frozen=True)
class EarlierFile:
    """One file of an earlier dataset.

    Attributes:
        path: as fsspec opens it.
        kind: UID or URL, what its rows are known by.
        column: of a parquet file; None: a DataComp subset file.
        rows: how many it has.
    """

    path: str
    kind: str
    column: str | None
    rows: int


def plan_earlier(datasets: Sequence[str]) -> tuple[EarlierFile, ...]:
    """Returns the files of earlier datasets: parquet with `uid`, `url_digest` or a URL column, or .npy.

    A run folder's own `shards` folder is one such dataset. A .npy file holds uids as DataComp's subsets do, or digests
    of URLs in the same form where `url_digest` is in its name.

    Args:
        datasets: folders, globs or paths, any fsspec URLs.

    Raises:
        InputError: one has no such file, or a file cannot be read or has neither column.
    """
    paths: set[str] = set()
    for dataset in datasets:
        shown = f"{_SETTING} {public_url(dataset)!r}"
        files = [path for path in files_in(dataset, sought=shown) if path.lower().endswith((".parquet", ".npy"))]
        files = [path for path in files if not path.endswith(f"/{TOMBSTONES}")]  # of a run folder, given as a whole
        if not files:
            raise InputError(f"{shown} has no .parquet or .npy file; check the path")
        paths.update(files)
    return tuple(_inspect(path) for path in sorted(paths))


def _inspect(path: str) -> EarlierFile:
    with open_named_file(path, setting=_SETTING, remedy=_REMEDY) as file:
        if path.lower().endswith(".npy"):
            kind = URL if URL_DIGEST in path.rsplit("/", 1)[-1] else UID
            return EarlierFile(path, kind, None, _read_subset_header(file, path))
        parquet = pq.ParquetFile(file)
        schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
    known = (UID, URL_DIGEST, *URL_COLUMNS)
    name = next((name for name in known if name in schema.names), None)
    shown = f"{_SETTING}: {public_url(path)}"
    if name is None:
        raise InputError(f"{shown} has neither uid nor {', '.join(known[1:])}; it has {schema.names}")
    if schema.names.count(name) > 1:
        raise InputError(f"{shown} has several columns {name!r}; leave one of them")
    if not _is_text(schema.field(name).type):
        raise InputError(f"{shown}: column {name!r} holds {schema.field(name).type}, not text")
    return EarlierFile(path, UID if name == UID else URL, name, rows)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    views = (pa.types.is_string_view, pa.types.is_binary_view, pa.types.is_null)
    return any(is_kind(kind) for is_kind in (*texts, *views))


def _read_subset_header(file: IO[bytes], path: str) -> int:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype != _SUBSET_DTYPE or len(shape) != 1:
        shown = f"{_SETTING}: {public_url(path)}"
        raise InputError(f"{shown} should hold (u8, u8) pairs as DataComp's subsets, found {dtype}")
    return shape[0]


@dataclass
class FindEarlier(Transform):
    """Finds the digests that rows of the input share with rows of earlier files.

    Input: RecordBatches with uid, source_file and source_row. Output: packed DIGEST_RECORD arrays (bytes), sorted by
    digest, one a partition.

    Attributes:
        files: all of one kind.
        digest: RecordBatch -> S16[n] or V16[n] of the input's rows.
        url_digests: the same of an Arrow array of URLs.
        partitions: ranges of digests; results do not depend on how many.
    """

    files: tuple[EarlierFile, ...]
    digest: Digest
    url_digests: Callable[[pa.Array], np.ndarray]
    partitions: int

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[bytes]:
        """Makes digest records of both sides, and merges them a partition."""
        earlier = (
            batches.pipeline
            | "Files" >> beam.Create(self.files)
            | "ReadEarlier"
            >> beam.FlatMap(read_earlier, self.url_digests, self.partitions).with_output_types(tuple[int, Packed])
        )
        ours = batches | "MakeRecords" >> MakeDigestRecords(self.digest, self.partitions)
        return (
            (ours, earlier)
            | beam.Flatten()
            | "Merge" >> MergeDigestRecords()
            | "Shared" >> beam.Map(only_shared).with_output_types(Packed)
        )


def read_earlier(
    file: EarlierFile, url_digests: Callable[[pa.Array], np.ndarray], partitions: int
) -> Iterator[tuple[int, bytes]]:
    """Yields (partition, packed digest records) of a file's rows, chunk by chunk; rows without a value are passed over.

    Raises:
        InputError: a uid is not 32 hex digits, or the file ends early.
    """
    for digests in _file_digests(file, url_digests):
        records = digest_records(digests, np.zeros(len(digests), dtype="V16"), np.zeros(len(digests), dtype=np.uint64))
        records["rows"] = _EARLIER
        yield from split_digest_records(lowest_per_digest([records]), partitions)


def only_shared(packed: bytes) -> bytes:
    """Returns those digest records of a packed array that both rows of the input and earlier rows have."""
    merged = unpack_digest_records(packed)
    return pack_digest_records(merged[(merged["rows"] >= _EARLIER) & (merged["rows"] % _EARLIER > 0)])


def _file_digests(file: EarlierFile, url_digests: Callable[[pa.Array], np.ndarray]) -> Iterator[np.ndarray]:
    with open_named_file(file.path, setting=_SETTING, remedy=_REMEDY) as opened:
        yield from _subset_uids(opened, file) if file.column is None else _column_digests(opened, file, url_digests)


def _subset_uids(opened: IO[bytes], file: EarlierFile) -> Iterator[np.ndarray]:
    unread = _read_subset_header(opened, file.path)
    while unread > 0:
        rows = min(unread, _ROWS_AT_ONCE)
        content = opened.read(rows * _SUBSET_DTYPE.itemsize)
        if len(content) < rows * _SUBSET_DTYPE.itemsize:
            missing = unread - len(content) // _SUBSET_DTYPE.itemsize
            raise InputError(f"{_SETTING}: {public_url(file.path)} ends {missing} rows early; copy it again")
        unread -= rows
        yield np.frombuffer(content, dtype="<u8").astype(">u8").view("V16")


def _column_digests(
    opened: IO[bytes], file: EarlierFile, url_digests: Callable[[pa.Array], np.ndarray]
) -> Iterator[np.ndarray]:
    for batch in pq.ParquetFile(opened).iter_batches(_ROWS_AT_ONCE, columns=[file.column]):
        values = text_from_arrow(batch.column(0)).texts.drop_null()
        try:
            yield uid_bytes(values) if file.column in (UID, URL_DIGEST) else url_digests(values)
        except ValueError as error:
            raise InputError(f"{_SETTING}: {public_url(file.path)}: {error}") from error
