import pyarrow as pa
import pytest

from babelsift.pipelines.stages.dedup.images import DedupImages
from babelsift.schemas import DOWNLOAD_SCHEMA, LANGUAGE_SCHEMA
from babelsift.schemas.recipe import DedupImagesSettings

MERGE = DedupImagesSettings(texts="merge")
OF_IMAGE = [name for name in DOWNLOAD_SCHEMA.names if name not in LANGUAGE_SCHEMA.names]
OF_IMAGE += ["image_generator"]


def copies(image_rows):
    """Two copies of an image with two texts each, one of which both have, and an image of its own."""
    rows = image_rows(
        5,
        url=["http://x/1", "http://x/1", "http://x/2", "http://x/2", "http://x/3"],
        caption=["a dog", "Rex", "a dog", "ein Hund", "a cat"],
        key=["one", "one", "two", "two", "three"],
        image_offset=[512, 512, 4096, 4096, 9000],
        sha256=["a" * 64] * 4 + ["b" * 64],
        phash=[b"a" * 32] * 4 + [b"b" * 32],
    )
    return rows.append_column("image_generator", pa.array(["ComfyUI"] * 2 + ["NovelAI"] * 2 + [None]))


@pytest.mark.parametrize("partitions", [1, 3])
def test_texts_of_a_copy_go_to_the_image_that_is_kept(partitions, run_stage, image_rows):
    batch = copies(image_rows)
    outputs = run_stage(
        DedupImages(MERGE, partitions),
        [batch.slice(0, 2), batch.slice(2)],
    )
    rows = batch.to_pylist()
    survivor = min(rows[:4], key=lambda row: row["uid"])
    assert sorted(row["caption"] for row in outputs.kept) == ["Rex", "a cat", "a dog", "ein Hund"]
    of_survivor = [row for row in outputs.kept if row["caption"] != "a cat"]
    for row in of_survivor:
        assert {name: row[name] for name in OF_IMAGE} == {name: survivor[name] for name in OF_IMAGE}
    assert {(row["url"], row["caption"]) for row in of_survivor} <= {(row["url"], row["caption"]) for row in rows}
    [gone] = outputs.rejected
    assert (gone["caption"], gone["reason"], gone["value"]) == ("a dog", "duplicate_image", survivor["uid"])
    assert gone["url"] != survivor["url"]


def test_without_merging_the_texts_go_too(run_stage, image_rows):
    outputs = run_stage(DedupImages(DedupImagesSettings()), [copies(image_rows)])
    assert len(outputs.rejected) == 2
    assert len({row["url"] for row in outputs.kept}) == 2


def test_images_that_nothing_copies_pass(run_stage, image_rows):
    outputs = run_stage(DedupImages(MERGE), [image_rows(3)])
    assert (len(outputs.kept), outputs.rejected) == (3, [])


def test_merging_needs_images_to_be_compared():
    with pytest.raises(ValueError, match="texts: merge needs by: image"):
        DedupImagesSettings(texts="merge", by="image_and_caption")
