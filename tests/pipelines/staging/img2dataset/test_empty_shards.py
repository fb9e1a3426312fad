from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
import webdataset

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.img2dataset.empty_shards import fill_gaps
from babelsift.pipelines.staging.layout import STAGED_SCHEMA, STAGING
from babelsift.pipelines.staging.shards import StagedShard, StagingListing, read_staged_rows
from babelsift.schemas.recipe import DownloadSettings

SETTINGS = DownloadSettings(samples_per_staging_shard=10)


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path))


@pytest.mark.parametrize(
    ("rows", "partitions", "numbers"),
    [(25, 3, [0, 1, 2]), (5, 3, [0, 1, 2]), (41, 3, [0, 1, 2, 3, 4]), (10**6, 3, [0, 1, 2, 3, 4, 5])],
)
def test_every_number_that_img2dataset_looks_for_is_there(folder, rows, partitions, numbers):
    assert fill_gaps(folder, SETTINGS, rows=rows, partitions=partitions) == numbers
    assert sorted(StagingListing(folder).numbers) == numbers
    assert fill_gaps(folder, SETTINGS, rows=rows, partitions=partitions) == []


def test_a_shard_without_rows_is_a_whole_one(folder):
    fill_gaps(folder, SETTINGS, rows=1, partitions=1)
    stats = json.loads(folder.open(STAGING, "00000_stats.json").read())
    assert (stats["count"], stats["successes"], stats["status_dict"]) == (0, 0, {})
    assert pq.read_table(folder.path(STAGING, "00000.parquet")).schema.equals(STAGED_SCHEMA)
    assert len(read_staged_rows(folder, StagedShard(0, stats))) == 0
    tar = folder.path(STAGING, "00000.tar")
    assert list(webdataset.WebDataset(tar, shardshuffle=False)) == []


def test_what_others_began_is_left_alone(folder):
    folder.write(f"{STAGING}/00001.tar", b"theirs")
    assert fill_gaps(folder, SETTINGS, rows=1, partitions=3) == [0, 2]
    assert folder.open(STAGING, "00001.tar").read() == b"theirs"
