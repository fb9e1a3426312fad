"""Where columns' values lie, a file at a time.

    staging/columns/<name>-<first 8 of its maker's fingerprint>/
        info.json                              the maker, for people
        values_00012_0000.parquet              of the images of staging shard 12: digest, its values, error
        values_00012-of-00064_0000.parquet     of the texts whose digests lead to partition 12 of 64

A file is whole or not there, and has checksums of its pages: one that is damaged is made again. A maker, by its
fingerprint, has a folder of its own, so that nothing here is ever out of date with it. The files of a partition are
written by one worker at a time. Partitions double as the input grows: partition 12 of 64 was partition 12 of 32.
"""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.commit_marks import is_text
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import RunFolderError

COLUMNS_FOLDER = "staging/columns"
DIGEST, ERROR = "digest", "error"
_VALUE = "value"
_INFO = "info.json"


@dataclass(frozen=True)
class Place:
    """The files of a partition: a staging shard, or a partition of texts and the ones that it was part of before.

    Attributes:
        number: of the staging shard, or of the partition.
        partitions: of texts; None: it is a staging shard.
        first: how many partitions there were at first; None: as many as now.
    """

    number: int
    partitions: int | None = None
    first: int | None = None

    def stems(self) -> Iterator[str]:
        """Yields the beginnings of its files' names; the first is the one that is written to."""
        if self.partitions is None:
            yield f"{self.number:05d}"
            return
        partitions, first = self.partitions, self.first or self.partitions
        while partitions >= first:
            yield f"{self.number % partitions:05d}-of-{partitions:05d}"
            if partitions % 2:
                return
            partitions //= 2


@dataclass(frozen=True)
class StoredValues:
    """What is stored of a partition.

    Attributes:
        table: `ColumnStore.schema`.
        free: the numbers of files that are free, from the lowest on.
    """

    table: pa.Table
    free: Iterator[int]


@dataclass(frozen=True)
class ColumnStore:
    """The values of one maker in a run folder.

    Attributes:
        name: the column's.
        fingerprint: the maker's, hex.
        fields: what the maker gives.
    """

    folder: RunFolder
    name: str
    fingerprint: str
    fields: tuple[pa.Field, ...]

    @property
    def root(self) -> str:
        """The maker's folder, relative to the run folder."""
        return f"{COLUMNS_FOLDER}/{self.name}-{self.fingerprint[:8]}"

    @property
    def schema(self) -> pa.Schema:
        """Of its files; a field of the empty name is called `value` there."""
        fields = [pa.field(DIGEST, pa.binary(16), nullable=False)]
        fields += [pa.field(_stored_name(field.name), field.type) for field in self.fields]
        return pa.schema([*fields, pa.field(ERROR, pa.string())])

    def describe(self, info: Mapping[str, Any]) -> None:
        """Writes info.json where it is not there yet.

        Raises:
            RunFolderError: the folder holds another maker's values, whose fingerprint begins alike.
        """
        stored = self.folder.read_commit_mark(f"{self.root}/{_INFO}", {"fingerprint": is_text})
        if stored is None or "fingerprint" not in stored:
            self.folder.write_json(f"{self.root}/{_INFO}", {"fingerprint": self.fingerprint, **info})
        elif stored["fingerprint"] != self.fingerprint:
            raise RunFolderError(
                f"{self.folder.path(self.root, _INFO)} describes another column than {self.fingerprint}; "
                "give the column another name or move that folder away"
            )

    def read(self, place: Place) -> StoredValues:
        """Returns what is stored of a partition.

        Raises:
            RunFolderError: a stored file cannot be read.
        """
        files = {stem: dict(self._files(stem)) for stem in place.stems()}
        whole = [table for of_stem in files.values() for table in of_stem.values() if table is not None]
        taken = {number for number, table in files[next(place.stems())].items() if table is not None}
        free = (number for number in count() if number not in taken)  # a damaged one's place first
        return StoredValues(pa.concat_tables(whole) if whole else self.schema.empty_table(), free)

    def add(self, place: Place, number: int, digests: pa.Array, made: pa.RecordBatch) -> pa.Table:
        """Stores values as one of the partition's files, and returns them as `read` does.

        Args:
            number: of the file, one that is free.
            digests: of the things, each once.
            made: their values, as the maker gives them.

        Raises:
            RunFolderError: the folder cannot be written.
        """
        table = pa.Table.from_arrays([digests, *made.columns], schema=self.schema)
        with self.folder.writing(self._path(next(place.stems()), number)) as file:
            pq.write_table(table, file, compression="zstd", write_page_checksum=True)
        return table

    def _path(self, stem: str, number: int) -> str:
        return f"{self.root}/values_{stem}_{number:04d}.parquet"

    def _files(self, stem: str) -> Iterator[tuple[int, pa.Table | None]]:
        """Yields (number, values) of a partition's files; None of one that is damaged, which is named."""
        number = 0
        while True:
            path = self._path(stem, number)
            try:
                content = self.folder.read(path)
            except FileNotFoundError:
                return
            except OSError as error:
                raise RunFolderError(
                    f"cannot read {self.folder.path(path)}: {error}; mend it, then run again"
                ) from error
            yield number, self._table(path, content)
            number += 1

    def _table(self, path: str, content: bytes) -> pa.Table | None:
        try:
            table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
        except (OSError, pa.ArrowException) as error:
            said = " ".join(str(error).split())
            logging.warning(
                "column %s: %s is damaged (%s); its values are made again", self.name, self.folder.path(path), said
            )
            return None
        if table.schema.names != self.schema.names or table.schema.types != self.schema.types:
            raise RunFolderError(
                f"{self.folder.path(path)} holds {table.schema.names}, not {self.schema.names}; "
                f"move {posixpath.dirname(self.folder.path(path))} away and run again"
            )
        return table


def rows_of(stored: pa.Table, digests: pa.Array) -> pa.Array:
    """Returns int32[n], the row of each digest in what is stored; null where it is not there."""
    return pc.index_in(digests, value_set=stored.column(DIGEST).combine_chunks())


def value_columns(stored: pa.Table, fields: Sequence[pa.Field], rows: pa.Array) -> list[pa.Array]:
    """Returns the values of the fields, then the errors, of rows of what is stored; null rows have none."""
    taken = stored.combine_chunks().take(rows)
    names = [*(_stored_name(field.name) for field in fields), ERROR]
    return [taken.column(name).combine_chunks() for name in names]


def _stored_name(name: str) -> str:
    return name or _VALUE
