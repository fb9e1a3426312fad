"""Disks that are full, and files that change behind our back: named, nothing half written, mended by the next run."""

import errno
import os
import zlib

import fsspec
import pyarrow as pa
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.report.ledger import write_ledger_file
from babelsift.pipelines.stages.shard.shard_writer import write_shard
from babelsift.pipelines.staging.layout import MEMBERS, shard_path
from babelsift.schemas import RunFolderError, Stage, ledger_rows


class Limited:
    def __init__(self, file):
        self._file = file

    def write(self, content):
        if len(content) > Full.free_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        Full.free_bytes -= len(content)
        return self._file.write(content)

    def close(self):
        self._file.close()


class Full(MemoryFileSystem):
    """A disk that has so many bytes left."""

    protocol = "full"
    store, pseudo_dirs = {}, [""]
    cachable = False
    free_bytes = 10**9

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("full://", "memory://"))

    def open(self, path, mode="rb", **options):
        file = super().open(path, mode, **options)
        return Limited(file) if "w" in mode else file


@pytest.fixture
def disk():
    fsspec.register_implementation("full", Full, clobber=True)
    Full.store.clear()
    Full.free_bytes = 10**9
    yield RunFolder("full://run")
    Full.store.clear()


@pytest.fixture
def rows(disk, image_rows):
    """Ten rows whose images are in the disk's staging."""
    content, place = bytearray(), {"image_offset": [], "image_size": [], "image_crc32": []}
    for row in range(10):
        image = f"image {row}".encode() * 100
        content += MEMBERS.header(f"{row:09d}.jpg", len(image))
        for name, value in zip(place, (len(content), len(image), zlib.crc32(image)), strict=True):
            place[name].append(value)
        content += image + bytes(-len(image) % 512)
    disk.write(shard_path(0, ".tar"), bytes(content))
    return image_rows(10, **place)


def product(folder):
    return {
        f"{room}/{name}": folder.open(room, name).read()
        for room in ("shards", "images")
        if folder.exists(room)
        for name in folder.list(room)
    }


def all_files(folder):
    return sorted(folder.fs.find(folder.path()))


def test_a_disk_that_is_full_at_any_moment(disk, rows):
    table = pa.Table.from_batches([rows])
    before, whole = all_files(disk), Full.free_bytes
    write_shard(disk, 0, table, samples_per_shard=10)
    needed, expected = whole - Full.free_bytes, product(disk)
    for free_bytes in [*range(0, needed, needed // 12), needed - 1]:
        for name in product(disk):
            disk.fs.rm(disk.path(name))
        Full.free_bytes = free_bytes
        with pytest.raises(
            RunFolderError,
            match=r"cannot write \S*run/(?:shards|images)/00000000\S+: .*No space left.* free space, then run the same command again",
        ):
            write_shard(disk, 0, table, samples_per_shard=10)
        left = product(disk)
        assert left == {name: expected[name] for name in left}, "what has a name is whole"
        assert all_files(disk) == sorted([*before, *(disk.path(name) for name in left)])
        Full.free_bytes = whole
        write_shard(disk, 0, table, samples_per_shard=10)
        assert product(disk) == expected


def test_a_full_disk_leaves_the_older_ledger_whole(disk, read_rows):
    def rejected(rows):
        nothing = [None] * rows
        return ledger_rows(
            read_rows(rows), stage=Stage.READ, reasons=["missing_url"] * rows, values=nothing, thresholds=nothing
        )

    write_ledger_file((0, [rejected(3)]), disk)
    older = disk.open("rejects", "00000.parquet").read()
    Full.free_bytes = 100
    with pytest.raises(RunFolderError, match=r"cannot write \S*run/rejects/00000\.parquet: .*No space left"):
        write_ledger_file((0, [rejected(500)]), disk)
    assert disk.open("rejects", "00000.parquet").read() == older


@pytest.mark.parametrize("suffix", [".tar", ".parquet", "_stats.json"])
@pytest.mark.parametrize(
    "damage", [lambda content: content[:-100], lambda content: bytes([content[0] ^ 4]) + content[1:]]
)
def test_a_shard_changed_behind_our_back_is_written_again(disk, rows, suffix, damage):
    table = pa.Table.from_batches([rows])
    write_shard(disk, 0, table, samples_per_shard=10)
    expected = product(disk)
    path = f"shards/00000000{suffix}"
    disk.write(path, damage(expected[path]))
    write_shard(disk, 0, table, samples_per_shard=10)
    assert product(disk) == expected


def test_a_folder_that_may_only_be_read_is_one_clear_line(disk, monkeypatch):
    def refuse(self, *arguments, **options):
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Full, "open", refuse)
    with pytest.raises(
        RunFolderError, match=r"--output \S*run: cannot be written: Read-only file system; choose another folder"
    ):
        disk.check_writable()
