import multiprocessing
import threading
import zlib

import fsspec
import pyarrow as pa
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.images import read_staged_images
from babelsift.pipelines.staging.layout import MEMBERS, shard_path
from babelsift.schemas import RunFolderError


class Counted(MemoryFileSystem):
    """Knows which ranges were asked for; answers only once `together` requests wait at the same time."""

    protocol = "counted"
    store, pseudo_dirs = {}, [""]
    cachable = False
    ranges, together, answers, threads = [], 1, {}, []

    def cat_file(self, path, start=None, end=None, **kwargs):
        self.threads.append(threading.current_thread())
        self.ranges.append((path.rsplit("/", 1)[-1], start, end))
        if self.together > 1:
            self.barrier.wait()
        content = super().cat_file(path, start=start, end=end, **kwargs)
        return self.answers.pop(start, lambda right: right)(content)


@pytest.fixture
def storage():
    fsspec.register_implementation("counted", Counted, clobber=True)
    Counted.store.clear()
    Counted.ranges, Counted.together, Counted.answers, Counted.threads = [], 1, {}, []
    yield Counted
    Counted.store.clear()


@pytest.fixture
def staged(storage, image_rows):
    """staged(shards, images a shard, bytes an image, gap) -> (folder, rows); gap: other bytes between two images."""

    def make(shards, images, size, gap=0, crc=True):
        folder, batches = RunFolder("counted://run"), []
        for shard in range(shards):
            content, offsets, stored = bytearray(), [], []
            for index in range(images):
                image = bytes([shard, index % 256]) * (size // 2)
                content += MEMBERS.header(f"{shard * images + index:09d}.jpg", size)
                offsets.append(len(content))
                content += image.ljust(-(-size // 512) * 512, b"\0") + bytes(gap)
                stored.append(image)
            folder.write(shard_path(shard, ".tar"), bytes(content))
            folder.write_json(shard_path(shard, "_stats.json"), {"count": images})
            place = {"staging_shard": [shard] * images, "image_offset": offsets, "image_size": [size] * images}
            checksums = [zlib.crc32(image) if crc else None for image in stored]
            batches.append(image_rows(images, shard * images, **place, image_crc32=checksums))
        return folder, pa.concat_batches(batches)

    return make


def expected(rows):
    return [
        bytes([shard, index % 256]) * (size // 2)
        for shard, index, size in zip(
            rows.column("staging_shard").to_pylist(),
            [int(key) % 8 for key in rows.column("key").to_pylist()],
            rows.column("image_size").to_pylist(),
            strict=True,
        )
    ]


def test_neighbours_are_read_at_once_whatever_the_order_of_the_rows(staged, storage):
    folder, rows = staged(3, 8, 2000)
    mixed = rows.take(pa.array([(row * 7) % 24 for row in range(24)]))
    assert read_staged_images(folder, mixed) == expected(mixed)
    assert sorted(name for name, _, _ in storage.ranges) == ["00000.tar", "00001.tar", "00002.tar"]


def test_what_lies_far_apart_is_asked_for_apart_and_at_the_same_time(staged, storage):
    folder, rows = staged(2, 8, 1000, gap=300_000)
    storage.together, storage.barrier = 16, threading.Barrier(16)  # a request that waited for another would hang
    assert read_staged_images(folder, rows) == expected(rows)
    assert len(storage.ranges) == 16
    assert max(end - start for _, start, end in storage.ranges) == 1000 + 512


def test_a_request_is_bounded(staged, storage):
    folder, rows = staged(1, 8, 3_000_000)
    assert read_staged_images(folder, rows) == expected(rows)
    assert len(storage.ranges) == 4
    assert max(end - start for _, start, end in storage.ranges) <= 8 * 2**20


def test_threads_outlive_a_call(staged, storage):
    folder, rows = staged(2, 8, 1000)
    for _ in range(20):
        read_staged_images(folder, rows)
    assert len(storage.threads) == 40
    assert len(set(storage.threads)) <= 16


def test_a_forked_process_reads_too(staged):
    folder, rows = staged(2, 8, 1000)
    assert read_staged_images(folder, rows) == expected(rows)
    with multiprocessing.get_context("fork").Pool(1) as forked:
        reading = forked.apply_async(read_staged_images, (folder, rows))
        assert reading.get() == expected(rows)


@pytest.mark.parametrize("damage", ["bit", "short", "other"])
def test_a_damaged_shard_is_named_and_no_longer_counts(staged, storage, damage):
    folder, rows = staged(2, 8, 1000)
    tar = bytearray(folder.open(shard_path(1, ".tar")).read())
    if damage == "bit":
        tar[512 + 3] ^= 1
    folder.write(shard_path(1, ".tar"), bytes({"bit": tar, "short": tar[:700], "other": bytes(len(tar))}[damage]))
    with pytest.raises(RunFolderError, match=r"00001\.tar is damaged: it does not hold 000000008\.jpg .*run again"):
        read_staged_images(folder, rows)
    assert folder.exists(shard_path(0, "_stats.json"))
    assert not folder.exists(shard_path(1, "_stats.json"))


def test_a_shard_that_is_gone_no_longer_counts(staged):
    folder, rows = staged(1, 8, 1000)
    folder.remove(shard_path(0, ".tar"))
    with pytest.raises(RunFolderError, match=r"00000\.tar is gone; run again"):
        read_staged_images(folder, rows)
    assert not folder.exists(shard_path(0, "_stats.json"))


def test_what_was_mangled_on_the_way_is_read_again(staged, storage):
    folder, rows = staged(1, 8, 1000)
    storage.answers[0] = lambda right: right[:100]
    assert read_staged_images(folder, rows) == expected(rows)
    assert folder.exists(shard_path(0, "_stats.json"))


def test_rows_without_checksums_are_read_by_their_headers(staged):
    folder, rows = staged(1, 8, 1000, crc=False)
    assert read_staged_images(folder, rows) == expected(rows)
    assert read_staged_images(folder, rows.drop_columns(["image_crc32"])) == expected(rows)
    assert read_staged_images(folder, rows.slice(0, 0)) == []
