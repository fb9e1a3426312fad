from __future__ import annotations

import hashlib
import json
import os
import tarfile
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.image import process_image
from babelsift.pipelines.fetch import Fetched
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.layout import STAGED_SCHEMA, STAGING, staging_key
from babelsift.pipelines.staging.records import new_record, with_fetch_failure, with_image
from babelsift.pipelines.staging.shards import (
    StagedShard,
    StagingWriter,
    fingerprint,
    read_staged_images,
    read_staged_rows,
    staged_shards,
)
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import encoded, photo

IMAGES = [process_image(encoded(photo(seed)), DownloadSettings(image_size=64)) for seed in range(4)]
SHAPING = {"image_size": 64}


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder(str(tmp_path))


def write(folder: RunFolder, shard: int = 3, *, order: tuple[int, ...] = (2, 0, 3, 1)) -> pa.RecordBatch:
    """Four images, added in some order, and a failure."""
    with StagingWriter(folder, shard, 100, SHAPING) as writer:
        records: list[dict] = [{}] * 5
        for index in order:
            pair = {"uid": f"{index:032x}", "url": f"http://e.com/{index}", "caption": f"légende {index}"}
            record = new_record(**pair, key=writer.key(index))
            records[index] = writer.add(with_image(record, IMAGES[index]), IMAGES[index])
        failed = new_record(uid=f"{4:032x}", url="http://e.com/4", caption="", key=writer.key(4))
        records[4] = with_fetch_failure(failed, Fetched(None, RejectReason.HTTP_STATUS, "404", 404))
        rows = pa.RecordBatch.from_pylist(records, schema=STAGED_SCHEMA)
        writer.commit(rows, start_time=10.0, end_time=12.5)
    return rows


def located(rows: pa.RecordBatch, shard: int = 3) -> pa.RecordBatch:
    kept = rows.slice(0, 4)
    return kept.append_column("staging_shard", pa.array([shard] * 4, pa.int32()))


@given(st.integers(0, 200_000), st.integers(1, 1_000_000), st.data())
def test_keys_are_img2datasets(shard, samples, data):
    index = data.draw(st.integers(0, samples - 1))
    oom = int(np.ceil(np.log10(samples)))
    # img2dataset 1.47: compute_key, with its oom_shard_count of 5
    wanted = "{true_key:0{key_format}d}".format(true_key=(10**oom) * shard + index, key_format=oom + 5)
    assert staging_key(shard, index, samples_per_shard=samples) == wanted


def test_files_of_a_shard(folder, tmp_path):
    rows = write(folder)
    place = tmp_path / STAGING
    assert sorted(os.listdir(place)) == ["00003.parquet", "00003.tar", "00003_stats.json"]
    assert pq.read_table(place / "00003.parquet").to_pylist() == rows.to_pylist()
    stats = json.loads((place / "00003_stats.json").read_text())
    assert stats == {
        "count": 5,
        "successes": 4,
        "failed_to_download": 1,
        "failed_to_resize": 0,
        "duration": 2.5,
        "start_time": 10.0,
        "end_time": 12.5,
        "status_dict": {"success": 4, "HTTP Error 404: Not Found": 1},
        "tar_bytes": (place / "00003.tar").stat().st_size,
        "tar_sha256": hashlib.sha256((place / "00003.tar").read_bytes()).hexdigest(),
        "parquet_sha256": hashlib.sha256((place / "00003.parquet").read_bytes()).hexdigest(),
        "fingerprint": fingerprint(SHAPING),
        "settings": SHAPING,
    }


def test_members_of_the_tar(folder, tmp_path):
    write(folder)
    with tarfile.open(tmp_path / STAGING / "00003.tar") as tar:
        members = tar.getmembers()
        names = [member.name for member in members]
        content = json.loads(tar.extractfile("0000300.json").read())
    order = ("0000302", "0000300", "0000303", "0000301")
    assert names == [f"{key}.{suffix}" for key in order for suffix in ("jpg", "txt", "json")]
    assert {(member.mtime, member.uid, member.uname, member.mode) for member in members} == {(0, 0, "", 0o444)}
    assert content["caption"] == "légende 0"
    assert list(content)[:6] == ["url", "caption", "uid", "key", "status", "error_message"]
    assert (content["width"], content["original_width"], content["sha256"]) == (85, 320, IMAGES[0].sha256)


def test_webdataset_reads_it(folder, tmp_path):
    write(folder)
    dataset = webdataset.WebDataset(str(tmp_path / STAGING / "00003.tar"), shardshuffle=False)
    samples = {sample["__key__"]: sample for sample in dataset}
    assert sorted(samples) == ["0000300", "0000301", "0000302", "0000303"]
    assert samples["0000301"]["jpg"] == IMAGES[1].data
    assert samples["0000301"]["txt"].decode() == "légende 1"


def test_images_by_range_in_any_row_order(folder):
    rows = located(write(folder))
    for order in ([0, 1, 2, 3], [3, 1, 0, 2], [2], []):
        found = read_staged_images(folder, rows.take(pa.array(order, pa.int64())))
        assert found == [IMAGES[index].data for index in order]


def test_images_of_several_shards(folder):
    first, second = located(write(folder, 3), 3), located(write(folder, 8, order=(0, 1, 2, 3)), 8)
    mixed = pa.concat_batches([first, second]).take(pa.array([5, 0, 7, 2]))
    assert read_staged_images(folder, mixed) == [IMAGES[index].data for index in (1, 0, 3, 2)]


def test_without_commit_no_trace(folder, tmp_path):
    def die_after_one_image() -> None:
        with StagingWriter(folder, 3, 100, SHAPING) as writer:
            record = new_record(uid="0" * 32, url="u", caption="c", key=writer.key(0))
            writer.add(with_image(record, IMAGES[0]), IMAGES[0])
            raise RuntimeError("the worker died")

    with pytest.raises(RuntimeError, match="died"):
        die_after_one_image()
    assert os.listdir(tmp_path / STAGING) == []


def test_a_partitions_shards(folder):
    for shard in (1, 3, 4, 7):
        write(folder, shard)
    folder.remove(f"{STAGING}/00004_stats.json")
    assert [(shard.number, shard.stats is not None) for shard in staged_shards(folder, 1, 3)] == [
        (1, True),
        (4, False),
        (7, True),
    ]
    assert list(staged_shards(folder, 2, 3)) == []
    assert list(staged_shards(RunFolder(folder.url + "/nothing"), 0, 1)) == []


def test_foreign_shards_are_known_as_such(folder):
    folder.write_json(f"{STAGING}/00000_stats.json", {"count": 10, "successes": 9})
    assert [shard.is_foreign for shard in staged_shards(folder, 0, 1)] == [True]


def test_rows_of_a_committed_shard(folder):
    rows = write(folder)
    (shard,) = staged_shards(folder, 0, 3)
    assert read_staged_rows(folder, shard).equals(rows)


@pytest.mark.parametrize("damage", ["tar", "parquet", "count"])
def test_files_that_are_not_what_was_committed(folder, tmp_path, damage):
    write(folder)
    (shard,) = staged_shards(folder, 0, 3)
    if damage == "count":
        shard = replace(shard, stats={**shard.stats, "count": 4})
    else:
        path = tmp_path / STAGING / f"00003.{damage}"
        path.write_bytes(path.read_bytes()[:-600])
        (shard,) = staged_shards(folder, 0, 3)
    assert read_staged_rows(folder, shard) is None


def test_files_that_are_gone(folder):
    assert read_staged_rows(folder, StagedShard(9, {"count": 1})) is None


def test_on_another_file_system():
    folder = RunFolder("memory://staging-test")
    rows = located(write(folder))
    write(folder)  # and again over it
    assert read_staged_images(folder, rows) == [image.data for image in IMAGES]


def test_a_shard_staged_before_some_columns_were_is_read_with_nulls_there(folder, tmp_path):
    rows = write(folder)
    path = tmp_path / STAGING / "00003.parquet"
    pq.write_table(
        pq.read_table(path).drop_columns(["image_crc32", "pixels_digest", "phash_crops", "phash_views"]), path
    )
    stats = tmp_path / STAGING / "00003_stats.json"
    stats.write_text(json.dumps({k: v for k, v in json.loads(stats.read_text()).items() if k != "parquet_sha256"}))
    [shard] = staged_shards(folder, 3, 8)
    read = read_staged_rows(folder, shard)
    assert read.schema.equals(STAGED_SCHEMA)
    missing = ("pixels_digest", "phash_crops", "phash_views")
    assert [read.column(name).null_count for name in missing] == [len(read)] * 3 == [5] * 3
    assert read.column("phash").equals(rows.column("phash"))


@pytest.mark.parametrize("content", [b"", b'{"count": 5', b"[]", b"\x00\xff"])
def test_a_damaged_commit_mark_is_none(folder, content):
    write(folder)
    folder.write(f"{STAGING}/00003_stats.json", content)
    assert [shard.stats for shard in staged_shards(folder, 0, 3)] == [None]


def test_a_bit_flipped_in_a_parquet_is_noticed(folder, tmp_path):
    write(folder)
    (shard,) = staged_shards(folder, 0, 3)
    path = tmp_path / STAGING / "00003.parquet"
    content = bytearray(path.read_bytes())
    for place in range(0, len(content), 97):
        content[place] ^= 1
        path.write_bytes(content)
        assert read_staged_rows(folder, shard) is None
        content[place] ^= 1
    path.write_bytes(content)
    assert read_staged_rows(folder, shard) is not None


def test_json_of_a_member_is_as_img2dataset_writes_it(folder, tmp_path):
    caption = 'a "quote", \\ \n \x7f \u2028 ünï 犬 \U0001f600'
    with StagingWriter(folder, 3, 100, SHAPING) as writer:
        record = new_record(uid="0" * 32, url="http://e.com/é", caption=caption, key=writer.key(0))
        record = writer.add(with_image(record, IMAGES[0]), IMAGES[0])
        writer.commit(pa.RecordBatch.from_pylist([record], schema=STAGED_SCHEMA), start_time=1.0, end_time=2.0)
    with tarfile.open(tmp_path / STAGING / "00003.tar") as tar:
        document = tar.extractfile(tar.getnames()[2]).read()
    found = json.loads(document)
    assert found["caption"] == caption
    assert document == json.dumps(found, indent=4, ensure_ascii=False).encode()
