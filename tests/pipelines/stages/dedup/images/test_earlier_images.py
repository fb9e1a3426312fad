import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.dedup.images import DedupImages
from babelsift.pipelines.stages.dedup.images.earlier_images import plan_earlier_images
from babelsift.pipelines.staging.layout import STAGED_SCHEMA, SUCCESS
from babelsift.pipelines.staging.shards import StagingWriter
from babelsift.schemas import InputError
from babelsift.schemas.recipe import DedupImagesSettings


def hashes(count, seed=0):
    return [row.tobytes() for row in np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)]


def near(hashed):
    return bytes([hashed[0] ^ 3, *hashed[1:]])


@pytest.fixture
def earlier(tmp_path, image_rows):
    """A run folder that staged five images, kept three of them in its shards, and has no image to read any more."""
    folder = RunFolder(str(tmp_path / "earlier"))
    batch = image_rows(5, phash=hashes(5), url=[f"http://old/{row}" for row in range(5)])
    rows = batch.to_pylist()
    records = [
        {**dict.fromkeys(STAGED_SCHEMA.names), **{k: v for k, v in row.items() if k in STAGED_SCHEMA.names}}
        for row in rows
    ]
    records[3]["status"] = "failed_to_download"
    with StagingWriter(folder, 0, 100, {}) as writer:
        writer.commit(pa.RecordBatch.from_pylist(records, schema=STAGED_SCHEMA), start_time=0.0, end_time=1.0)
    assert records[0]["status"] == SUCCESS
    with folder.writing("shards/00000000.parquet") as file:
        pq.write_table(pa.table({"uid": [row["uid"] for row in rows[:3]]}), file)
    return folder, batch


@pytest.mark.parametrize("split", ["shards", "validation"])
def test_what_an_earlier_run_kept_wins(run_stage, image_rows, earlier, split):
    folder, old = earlier
    folder.fs.mv(folder.path("shards"), folder.path(split), recursive=True)
    before = hashes(5)
    batch = image_rows(
        5, first_row=100, phash=[before[0], near(before[1]), before[3], before[4], hashes(1, seed=9)[0]],
        sha256=[*(f"{row:032x}" * 2 for row in (100, 101, 102, 103)), f"{2:032x}" * 2],
    )  # fmt: skip
    settings = DedupImagesSettings(near_radius_bits=20, earlier=(folder.url,))
    outputs = run_stage(DedupImages(settings, partitions=2), [batch])
    assert sorted(row["source_row"] for row in outputs.kept) == [102, 103]  # the old run did not keep those
    gone = {row["source_row"]: (row["reason"], row["value"]) for row in outputs.rejected}
    uids = old.column("uid").to_pylist()
    assert gone == {
        100: ("near_duplicate_image", f"{uids[0]} at 0 bits in an earlier run"),
        101: ("near_duplicate_image", f"{uids[1]} at 2 bits in an earlier run"),
        104: ("duplicate_image", f"{uids[2]} in an earlier run"),
    }


def test_the_very_pair_of_an_earlier_run_goes_too(run_stage, earlier):
    folder, old = earlier
    settings = DedupImagesSettings(near_radius_bits=20, earlier=(folder.url,))
    outputs = run_stage(DedupImages(settings), [old])
    assert sorted(row["source_row"] for row in outputs.kept) == [3, 4]


def test_a_folder_without_a_finished_run_is_an_error(tmp_path, earlier):
    with pytest.raises(InputError, match="name a finished run folder"):
        plan_earlier_images([str(tmp_path / "none")])
    folder, _ = earlier
    folder.remove("staging/images/00000.parquet")
    folder.remove("staging/images/00000_stats.json")
    folder.remove("staging/images/00000.tar")
    with pytest.raises(InputError, match="its hashes are gone"):
        plan_earlier_images([folder.url])
