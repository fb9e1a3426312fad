"""Tables that hold images: one a row; what further images there are is left out and named, and never read."""

import logging

import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.read_images import read_input_images
from tests.support.input_rows import read_rows


def test_a_further_image_column_is_named_and_neither_carried_nor_staged(tmp_path, caplog):
    def images(name):
        return [{"bytes": f"{name} {row}".encode(), "path": f"{row}.png"} for row in range(3)]

    columns = {"mask": images("mask"), "rank": [1, 2, 3], "image": images("image"), "png": [b"1", b"2", None]}
    pq.write_table(pa.table(columns | {"text": ["a", "b", "c"]}), tmp_path / "a.parquet")
    with caplog.at_level(logging.WARNING):
        plan = plan_input([str(tmp_path / "a.parquet")])
    assert "a row has one image, 'image'; left out, as they hold images: mask, png" in caplog.text
    rows = read_rows(plan).pairs
    assert [(row["caption"], row["rank"]) for row in rows] == [("a", 1), ("b", 2), ("c", 3)]
    assert not {"mask", "png", "image"} & set(rows[0])
    bodies = [image.body for part in plan.slices for image in read_input_images(part, max_bytes=100)]
    assert bodies == [b"image 0", b"image 1", b"image 2"]


JPEG, PNG = b"\xff\xd8\xff\xe0 pixels", b"\x89PNG\r\n\x1a\n pixels"


def test_a_binary_column_that_holds_images_is_known_by_what_it_holds(tmp_path, caplog):
    columns = {"image": [JPEG, JPEG], "depth": [None, PNG], "vector": [b"\0\0\1\0", b"\1\2"], "text": ["a", "b"]}
    columns["frames"] = [[{"bytes": JPEG, "path": ""}]] * 2
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    plan = plan_input([str(tmp_path / "a.parquet")])
    assert "left out, as they hold images: depth, frames" in caplog.text
    assert plan.carried.names == ["vector"]
    assert [row["vector"] for row in read_rows(plan).pairs] == [b"\0\0\1\0", b"\1\2"]


def test_images_in_a_column_of_any_name_are_the_rows_where_there_are_no_urls(tmp_path):
    pq.write_table(pa.table({"content": [PNG, None], "text": ["a", "b"], "id": [b"1", b"2"]}), tmp_path / "a.parquet")
    plan = plan_input([str(tmp_path / "a.parquet")])
    assert [(row["caption"], row["id"]) for row in read_rows(plan).pairs] == [("a", b"1"), ("b", b"2")]
    assert [image.body for part in plan.slices for image in read_input_images(part, max_bytes=100)] == [PNG, None]


def test_thumbnails_beside_urls_are_left_out_and_the_urls_downloaded(tmp_path, caplog):
    columns = {"url": ["http://x/1.jpg"], "thumb": [JPEG], "text": ["a"]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    plan = plan_input([str(tmp_path / "a.parquet")])
    assert "its URLs are downloaded; left out, as they hold images: thumb" in caplog.text
    assert (plan.holds_images, plan.carried.names) == (False, [])
