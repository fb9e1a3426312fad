"""Reading staged images back by byte range: few large requests, many at once, each image checked as it was stored."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pyarrow as pa

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import STATS, TAR
from babelsift.pipelines.staging.layout import shard_path
from babelsift.schemas import RunFolderError

_HEADER_BYTES = tarfile.BLOCKSIZE
_MERGED_GAP_BYTES = 256 * 1024  # rather read over this much than ask an object store again
_MERGED_BYTES = 8 * 2**20
_REQUESTS_AT_ONCE = 16  # times _MERGED_BYTES bounds what lies in memory beside the images that are returned


@dataclass(frozen=True)
class TarFolder:
    """A folder of staging tars that another program wrote; its shard numbers are written with so many digits."""

    url: str
    digits: int

    def name(self, shard: int) -> str:
        """Returns a shard's name there, without suffix."""
        return f"{shard:0{self.digits}d}"


def read_staged_images(
    folder: RunFolder, rows: pa.RecordBatch, *, tars: TarFolder | None = None, discards: bool = True
) -> list[bytes]:
    """Returns the image files of the rows, in the rows' order.

    Args:
        folder: the run folder.
        rows: with the columns key, staging_shard, image_extension, image_offset, image_size and, where checksums are
            known, image_crc32 of DOWNLOAD_SCHEMA.
        tars: where the images lie; None: in the folder's own staging shards.
        discards: False: nothing is changed, whatever is found.

    Raises:
        RunFolderError: a shard is gone, or does not hold the images that the rows say; such a shard no longer counts,
            so that the next run downloads its pairs again, or looks through it again where another program's.
    """
    images: list[bytes] = [b""] * len(rows)
    ranges = [byte_range for members in _by_shard(rows) for byte_range in _merge(members)]
    if not ranges:
        return images
    for found in _readers().map(partial(_read_range, folder, tars, discards), ranges):
        for row, image in found:
            images[row] = image
    return images


# Returns the image files of rows, given the run folder; importable.
ReadImages = Callable[[RunFolder, pa.RecordBatch], list[bytes]]


@cache
def _readers() -> ThreadPoolExecutor:
    """Threads of the process, not of a call: malloc gives each new one an arena that others left, and arenas grow."""
    return ThreadPoolExecutor(_REQUESTS_AT_ONCE, thread_name_prefix="staged-images")


os.register_at_fork(after_in_child=_readers.cache_clear)  # a fork has none of the threads


@dataclass(frozen=True)
class _Member:
    row: int
    shard: int
    offset: int
    size: int
    name: str
    crc32: int | None

    @property
    def start(self) -> int:
        return self.offset - _HEADER_BYTES

    @property
    def end(self) -> int:
        return self.offset + self.size

    def image_in(self, content: memoryview) -> bytes | None:
        """The image at the end of the member's bytes, header first; None where they are not what was stored."""
        try:
            info = tarfile.TarInfo.frombuf(bytes(content[:_HEADER_BYTES]), "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            return None
        image = bytes(content[_HEADER_BYTES:])
        is_whole = (info.name, info.size, len(image)) == (self.name, self.size, self.size)
        return image if is_whole and self.crc32 in (None, zlib.crc32(image)) else None


def _by_shard(rows: pa.RecordBatch) -> Iterator[list[_Member]]:
    """Yields the members of each shard, by offset."""
    shards, offsets = np.asarray(rows.column("staging_shard")), np.asarray(rows.column("image_offset"))
    sizes = rows.column("image_size").to_pylist()
    keys, extensions = rows.column("key").to_pylist(), rows.column("image_extension").to_pylist()
    checksums = rows.column("image_crc32").to_pylist() if "image_crc32" in rows.schema.names else [None] * len(rows)
    members: list[_Member] = []
    for row in np.lexsort((offsets, shards)).tolist():
        if members and members[-1].shard != shards[row]:
            yield members
            members = []
        name = f"{keys[row]}.{extensions[row]}"
        members.append(_Member(row, int(shards[row]), int(offsets[row]), sizes[row], name, checksums[row]))
    yield members


def _merge(members: list[_Member]) -> Iterator[list[_Member]]:
    """Groups one shard's members, sorted by offset, that are to be read at once."""
    group: list[_Member] = []
    for member in members:
        apart = group and member.start - group[-1].end > _MERGED_GAP_BYTES
        if group and (apart or member.end - group[0].start > _MERGED_BYTES):
            yield group
            group = []
        group.append(member)
    if group:
        yield group


def _read_range(
    folder: RunFolder, tars: TarFolder | None, discards: bool, members: Sequence[_Member]
) -> list[tuple[int, bytes]]:
    """Returns (row, image) of members that lie together."""
    shard = members[0].shard
    source, path = folder, shard_path(shard, TAR)
    if tars is not None:
        source, path = RunFolder(tars.url), tars.name(shard) + TAR
    wrong: _Member | None = None
    for _ in range(2):  # what a network mangled once reads well the second time; what the disk holds does not
        try:
            images = _images_in(source, path, members)
        except FileNotFoundError:
            break
        except OSError as error:
            raise RunFolderError(f"cannot read {source.path(path)}: {error}; mend it, then run again") from error
        wrong = next((member for member in members if images[member.row] is None), None)
        if wrong is None:
            return [(row, image) for row, image in images.items() if image is not None]
    what = f"is damaged: it does not hold {wrong.name} as it was stored" if wrong else "is gone"
    if tars is not None:
        raise RunFolderError(f"{source.path(path)} {what}: it changed after it was looked at; run again")
    if discards:
        folder.remove(shard_path(shard, STATS))
    raise RunFolderError(f"{source.path(path)} {what}; run again: the pairs of this shard alone are downloaded again")


def _images_in(folder: RunFolder, path: str, members: Sequence[_Member]) -> dict[int, bytes | None]:
    start, end = members[0].start, max(member.end for member in members)
    content = memoryview(folder.read_range(path, start, end))
    return {member.row: member.image_in(content[member.start - start : member.end - start]) for member in members}
