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
    assert "a row has one image, 'image'; left out: mask, png" in caplog.text
    rows = read_rows(plan).pairs
    assert [(row["caption"], row["rank"]) for row in rows] == [("a", 1), ("b", 2), ("c", 3)]
    assert not {"mask", "png", "image"} & set(rows[0])
    bodies = [image.body for part in plan.slices for image in read_input_images(part, max_bytes=100)]
    assert bodies == [b"image 0", b"image 1", b"image 2"]
