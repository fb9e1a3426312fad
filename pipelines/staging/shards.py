"""Staging shards: what a partition has of them, and writing one in img2dataset's layout, commit mark last.

`babelsift.pipelines.staging.layout` says how a shard looks; `babelsift.pipelines.staging.images` reads images back.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tarfile
import threading
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.image import ProcessedImage
from babelsift.pipelines.run_folder.commit_marks import is_count, is_object, is_seconds, is_text
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET, STATS, TAR
from babelsift.pipelines.staging.images import read_staged_images
from babelsift.pipelines.staging.layout import (
    FAILED_TO_DOWNLOAD,
    FAILED_TO_RESIZE,
    LATER_COLUMNS,
    MEMBERS,
    STAGED_SCHEMA,
    STAGING,
    SUCCESS,
    shard_name,
    shard_path,
    staging_key,
)
from babelsift.pipelines.storage.whole_file import WholeFile

__all__ = [
    "StagedShard",
    "StagingListing",
    "StagingWriter",
    "discard_shard",
    "fingerprint",
    "read_staged_images",
    "read_staged_rows",
    "staged_shards",
    "why_not_reused",
]

_MARK = {
    **dict.fromkeys(("count", "successes", "tar_bytes"), is_count),
    **dict.fromkeys(("start_time", "end_time"), is_seconds),
    **dict.fromkeys(("fingerprint", "tar_sha256", "parquet_sha256"), is_text),
    "settings": is_object,
}
_BLOCK = tarfile.BLOCKSIZE
END_OF_TAR = bytes(tarfile.RECORDSIZE)
HASH_LISTS = "hash_lists"  # in commit marks: by which lists the images were compared
# Of the members' JSON: what img2dataset writes, in its order.
_JSON_COLUMNS = (
    "url",
    "caption",
    "uid",
    "key",
    "status",
    "error_message",
    "width",
    "height",
    "original_width",
    "original_height",
    "exif",
    "sha256",
)


def fingerprint(shaping: Mapping[str, Any]) -> str:
    """Returns the digest of the settings that shaped a shard."""
    return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class StagedShard:
    """A staging shard.

    Attributes:
        stats: content of its commit mark; None where it was never committed.
        tar_bytes: of its tar, as it was listed; None: it is still to be asked for.
    """

    number: int
    stats: Mapping[str, Any] | None
    tar_bytes: int | None = None

    @property
    def end_time(self) -> float:
        """When the shard was finished, in seconds since the epoch; 0: not known."""
        return float((self.stats or {}).get("end_time", 0.0))

    @property
    def is_foreign(self) -> bool:
        """Whether something else than babelsift wrote the shard: it is read by no one here and must not be touched."""
        return self.stats is not None and "fingerprint" not in self.stats


@dataclass
class StagingListing:
    """The shard files that there were when first asked, so that a folder is listed once for many partitions."""

    folder: RunFolder

    @cached_property
    def numbers(self) -> dict[int, dict[str, int]]:
        """Shard number -> {suffix of each of its files: bytes}."""
        files_by_number: dict[int, dict[str, int]] = {}
        for entry in self.folder.store.list(STAGING):
            suffix = next((suffix for suffix in (TAR, PARQUET, STATS) if entry.name.endswith(suffix)), None)
            stem = entry.name.removesuffix(suffix or "")
            if suffix and stem.isdecimal() and stem.isascii():
                files_by_number.setdefault(int(stem), {})[suffix] = entry.size or 0
        return files_by_number


def staged_shards(
    folder: RunFolder, partition: int, partitions: int, *, listing: StagingListing | None = None
) -> Iterator[StagedShard]:
    """Yields the shards that a partition has, by number, uncommitted ones too."""
    for number, files in sorted((listing or StagingListing(folder)).numbers.items()):
        if number % partitions == partition:
            yield read_shard(folder, number, files)


def read_shard(folder: RunFolder, number: int, files: Mapping[str, int | None]) -> StagedShard:
    """Returns a shard, given {suffix of each of its files: bytes, or None where they are not known}."""
    mark = folder.read_commit_mark(shard_path(number, STATS), _MARK) if STATS in files else None
    return StagedShard(number, mark, files.get(TAR))


def read_staged_rows(folder: RunFolder, shard: StagedShard) -> pa.RecordBatch | None:
    """Returns a committed shard's rows as STAGED_SCHEMA, or None where its files are not what was committed."""
    stats = shard.stats or {}
    try:
        content = folder.read(shard_path(shard.number, PARQUET))
        tar_bytes = folder.size(shard_path(shard.number, TAR)) if shard.tar_bytes is None else shard.tar_bytes
        if stats.get("parquet_sha256") not in (None, hashlib.sha256(content).hexdigest()):
            return None
        table = pq.read_table(pa.BufferReader(content))
    except (FileNotFoundError, pa.ArrowException) as error:
        logging.warning("download: staging shard %s: %s", shard_name(shard.number), error)
        return None
    for name in set(LATER_COLUMNS) - set(table.schema.names):
        table = table.append_column(name, pa.nulls(len(table), STAGED_SCHEMA.field(name).type))
    if missing := set(STAGED_SCHEMA.names) - set(table.schema.names):
        logging.warning("download: staging shard %s has no columns %s", shard_name(shard.number), sorted(missing))
        return None
    if tar_bytes != stats.get("tar_bytes") or len(table) != stats.get("count"):
        return None
    return pa.RecordBatch.from_arrays(
        [table.column(name).combine_chunks() for name in STAGED_SCHEMA.names], schema=STAGED_SCHEMA
    )


def why_not_reused(shard: StagedShard, shaping: Mapping[str, Any]) -> str | None:
    """Returns why a shard does not serve a run whose images are shaped by `shaping`; None where it does."""
    if shard.stats is None:
        return "it was not completed"
    if shard.is_foreign:
        return "something else than babelsift wrote it"
    if shard.stats["fingerprint"] == fingerprint(shaping):
        return None
    before = shard.stats.get("settings", {})
    changed = [
        f"{name} was {before.get(name)!r}, now {shaping.get(name)!r}"
        for name in sorted({*before, *shaping})
        if before.get(name) != shaping.get(name)
    ]
    return "; ".join(changed) or "its fingerprint is another"


def counts_of(rows: pa.RecordBatch | pa.Table) -> dict[str, Any]:
    """Returns what a shard's commit mark counts of its rows, as img2dataset's does.

    Args:
        rows: STAGED_SCHEMA.
    """
    statuses = Counter(rows.column("status").to_pylist())
    messages = Counter(message or SUCCESS for message in rows.column("error_message").to_pylist())
    return {
        "count": len(rows),
        "successes": statuses[SUCCESS],
        "failed_to_download": statuses[FAILED_TO_DOWNLOAD],
        "failed_to_resize": statuses[FAILED_TO_RESIZE],
        "status_dict": dict(messages.most_common()),
    }


def discard_shard(folder: RunFolder, number: int, *, where: str = STAGING) -> None:
    """Removes a shard's files, its commit mark first; where: the folder, within the run folder, that has it."""
    for suffix in (STATS, PARQUET, TAR):
        folder.remove(f"{where}/{shard_name(number)}{suffix}")


@dataclass
class StagingWriter:
    """Writes one staging shard; a context manager. Without `commit` the shard leaves no trace.

    Attributes:
        shard: number. samples_per_shard: of all shards, for the keys. shaping: the settings that shaped the images.
        where: the folder, within the run folder, that it is written to. opt_outs: the forms that were heard; None:
            nobody was asked. hash_lists: fingerprint of the lists that the images were compared with; None: with none.
    """

    folder: RunFolder
    shard: int
    samples_per_shard: int
    shaping: Mapping[str, Any]
    where: str = STAGING
    opt_outs: Sequence[str] | None = None
    hash_lists: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __enter__(self) -> StagingWriter:
        discard_shard(self.folder, self.shard, where=self.where)
        self._stack = ExitStack()
        self._tar: WholeFile = self._stack.enter_context(self.folder.writing(self._path(TAR)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._stack.close()  # after `commit` there is nothing left to close
        else:
            self._stack.__exit__(kind, error, trace)

    @cached_property
    def _json_columns(self) -> list[str]:
        """img2dataset leaves out what it was not asked for."""
        further = self.shaping.get("compute_hash")
        names = [name for name in _JSON_COLUMNS if name != "exif" or self.shaping.get("extract_exif", True)]
        return [*names, further] if further in ("md5", "sha512") else names

    def _path(self, suffix: str) -> str:
        return f"{self.where}/{shard_name(self.shard)}{suffix}"

    def key(self, index: int) -> str:
        """Returns the key of the row at `index`."""
        return staging_key(self.shard, index, samples_per_shard=self.samples_per_shard)

    def add(self, record: dict[str, Any], image: ProcessedImage) -> dict[str, Any]:
        """Writes an image, its caption and its json, and returns the record with the place of the image's bytes.

        May be called from any thread.

        Args:
            record: the row's STAGED_SCHEMA fields but for that place.
        """
        key = record["key"]
        fields = {name: record[name] for name in self._json_columns}
        document = json.dumps(fields, indent=4, ensure_ascii=False).encode()
        members = (
            *MEMBERS.member(f"{key}.{image.extension}", image.data),
            *MEMBERS.member(f"{key}.txt", record["caption"].encode()),
            *MEMBERS.member(f"{key}.json", document),
        )
        content = b"".join(members)
        with self._lock:
            offset = self._tar.size + _BLOCK
            self._tar.write(content)
        location = {"image_offset": offset, "image_size": len(image.data), "image_crc32": zlib.crc32(image.data)}
        return {**record, **location}

    def commit(self, rows: pa.RecordBatch, *, start_time: float, end_time: float) -> None:
        """Gives the shard its files and, last, its commit mark.

        Args:
            rows: STAGED_SCHEMA, all rows of the shard.
            start_time, end_time: seconds since the epoch.
        """
        self._tar.write(END_OF_TAR)
        self._stack.close()
        with self.folder.writing(self._path(PARQUET)) as file:
            pq.write_table(pa.Table.from_batches([rows]), file, compression="zstd")
        stats = {
            **counts_of(rows),
            "duration": end_time - start_time,
            "start_time": start_time,
            "end_time": end_time,
            "tar_bytes": self._tar.size,
            "tar_sha256": self._tar.sha256,
            "parquet_sha256": file.sha256,
            "fingerprint": fingerprint(self.shaping),
            "settings": dict(self.shaping),
            **({} if self.opt_outs is None else {"opt_outs": list(self.opt_outs)}),
            **({} if self.hash_lists is None else {HASH_LISTS: {"fingerprint": self.hash_lists, "unhashed": 0}}),
        }
        self.folder.write_json(self._path(STATS), stats)
