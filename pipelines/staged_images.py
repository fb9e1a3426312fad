"""Reading staged images back by byte range: few large reads a shard, each image checked against its tar header."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.run_folder import RunFolder
from pipelines.staging_layout import STATS, TAR, shard_path
from schemas import RunFolderError

_HEADER_BYTES = tarfile.BLOCKSIZE
_MERGED_GAP_BYTES = 256 * 1024  # rather read over this much than ask an object store again
_MERGED_BYTES = 32 * 2**20


def read_staged_images(folder: RunFolder, rows: pa.RecordBatch) -> list[bytes]:
    """Returns the image files of the rows, in the rows' order.

    Args: rows: with the columns key, staging_shard, image_extension, image_offset, image_size of DOWNLOAD_SCHEMA.
    Raises: RunFolderError: a shard is gone, or does not hold the images that the rows say.
    """
    shards = np.asarray(rows.column("staging_shard"))
    offsets, sizes = np.asarray(rows.column("image_offset")), np.asarray(rows.column("image_size"))
    names = [
        f"{key}.{extension}"
        for key, extension in zip(
            rows.column("key").to_pylist(), rows.column("image_extension").to_pylist(), strict=True
        )
    ]
    images: list[bytes] = [b""] * len(rows)
    order = np.lexsort((offsets, shards))
    for shard in np.unique(shards):
        members = [
            _Member(int(row), int(offsets[row]), int(sizes[row]), names[row]) for row in order if shards[row] == shard
        ]
        for row, image in _read_shard(folder, int(shard), members):
            images[row] = image
    return images


@dataclass(frozen=True)
class _Member:
    row: int
    offset: int
    size: int
    name: str

    @property
    def start(self) -> int:
        return self.offset - _HEADER_BYTES

    @property
    def end(self) -> int:
        return self.offset + self.size

    def is_described_by(self, header: bytes) -> bool:
        try:
            info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            return False
        return (info.name, info.size) == (self.name, self.size)


def _read_shard(folder: RunFolder, shard: int, members: list[_Member]) -> Iterator[tuple[int, bytes]]:
    remedy = f"remove {folder.path(shard_path(shard, STATS))} and run again to download its pairs again"
    path = shard_path(shard, TAR)
    if folder.tars is not None:
        path, folder = f"{shard:0{folder.tars.digits}d}{TAR}", RunFolder(folder.tars.url)
        remedy = "it changed after it was looked at; run again"
    try:
        with folder.open(path, cache_type="none") as file:
            for merged in _merge(members):
                start, end = merged[0].start, max(member.end for member in merged)
                file.seek(start)
                content = file.read(end - start)
                for member in merged:
                    header = content[member.start - start : member.offset - start]
                    if len(content) != end - start or not member.is_described_by(header):
                        raise RunFolderError(f"{folder.path(path)} does not hold {member.name} where it was; {remedy}")
                    yield member.row, content[member.offset - start : member.end - start]
    except OSError as error:
        raise RunFolderError(f"cannot read {folder.path(path)}: {error}; {remedy}") from error


def _merge(members: list[_Member]) -> Iterator[list[_Member]]:
    """Groups members, sorted by offset, that are to be read at once."""
    group: list[_Member] = []
    for member in members:
        apart = group and member.start - group[-1].end > _MERGED_GAP_BYTES
        if group and (apart or member.end - group[0].start > _MERGED_BYTES):
            yield group
            group = []
        group.append(member)
    if group:
        yield group
