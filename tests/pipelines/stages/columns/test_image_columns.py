"""Columns of images and pairs as a stage, on images that are handed to it."""

import numpy as np
import pyarrow as pa
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.columns.early_conditions import place_conditions
from babelsift.pipelines.stages.columns.image_columns import ImageColumns
from babelsift.pipelines.stages.columns.making import Making
from babelsift.pipelines.stages.columns.resolved import resolve
from babelsift.pipelines.staging.columns.column_store import Place
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import ModelError, Stage, recipe_from
from tests.support.hostile_web import encoded, photo

IMAGES = [encoded(photo(number, (40, 30))) for number in range(3)]
READ = []


def read(folder, rows):
    """The images of rows: their row's, of the last row none that can be decoded."""
    READ.extend(rows.column("source_row").to_pylist())
    images = [*IMAGES, b"no image"]
    return [images[row] for row in rows.column("source_row").to_pylist()]


def stage(folder, columns, **conditions):
    recipe = recipe_from({"name": "mine", "columns": columns, "select": {"conditions": conditions}}, source="test")
    resolved = resolve(recipe.made_columns)
    return ImageColumns(RunFolder(str(folder)), resolved, place_conditions(recipe, resolved), read)


@pytest.fixture
def shade(module):
    gives = {"mean": "float", "tone": "string"}
    return {"name": "shade", "of": "image", "by": "call", "call": f"{module}:shade", "takes": "pixels", "gives": gives}


def test_pixels_are_measured_once_and_broken_images_have_no_value(run_stage, image_rows, shade, tmp_path):
    rows = image_rows(4, staging_shard=[0, 0, 1, 1])
    READ.clear()
    outputs = run_stage(stage(tmp_path, [shade], shade_tone={"in": ["dark", "light"]}), [rows])
    assert outputs.fates() == {0: None, 1: None, 2: None, 3: "shade_tone_not_met"}
    assert all(0 <= row["shade_mean"] <= 255 for row in outputs.kept)
    assert (outputs.rejected[0]["value"], outputs.rejected[0]["threshold"]) == (None, "shade_tone in dark, light")
    assert outputs.counters["image_columns.failed_shade_rows"] == 1
    assert sorted(READ) == [0, 1, 2, 3]
    run_stage(stage(tmp_path, [shade], shade_mean={"above": 300}), [rows])
    assert len(READ) == 4
    assert len(list(tmp_path.glob("staging/columns/shade-*/values_0000[01]_0000.parquet"))) == 2


def test_pairs_of_one_image_are_things_of_their_own(run_stage, image_rows, module, tmp_path):
    fits = {"name": "fits", "of": "pair", "by": "call", "call": f"{module}:fits", "gives": "integer"}
    rows = image_rows(2, caption=["a", "bbb"], sha256=["0" * 64] * 2, source_row=pa.array([0, 0]))
    outputs = run_stage(stage(tmp_path, [fits], fits={"min": len(IMAGES[0]) + 2}), [rows])
    assert [row["fits"] for row in outputs.kept] == [len(IMAGES[0]) + 3]
    assert [row["reason"] for row in outputs.rejected] == ["fits_not_met"]


@pytest.mark.parametrize(
    ("vectors", "function", "expected"),
    [
        ("image", "first", [1.0, 0.5, None]),
        ("text", "first", [0.25, 0.75, None]),
        ("product", "first", [0.25, 0.375, None]),
        ("both", "apart", [0.75, -0.25, None]),
    ],
)
def test_embeddings_are_those_that_the_model_stored(
    run_stage, image_rows, module, tmp_path, vectors, function, expected
):
    folder = RunFolder(str(tmp_path / "out"))
    rows = image_rows(3, similarity_a=pa.array([0.3, 0.2, None], pa.float32()))
    store = ScoreStore(folder, "a", "f" * 64)
    of_images, of_texts = (
        pa.FixedSizeListArray.from_arrays(pa.array(numbers, pa.float16()), 2)
        for numbers in ([1, 0, 0.5, 0.5], [0.25, 0, 0.75, 0])
    )
    scores = {"similarity": pa.array([0.3, 0.2], pa.float32()), "error": pa.nulls(2, pa.string())}
    store.add(
        0, rows.slice(0, 2), pa.record_batch({**scores, "image_embedding": of_images, "text_embedding": of_texts})
    )
    column = {"name": "first", "of": "embedding", "by": "call", "call": f"{module}:{function}", "vectors": vectors}
    recipe = recipe_from(
        {"name": "mine", "clip": {"model": "babelsift-demo", "name": "a"}, "columns": column}, source="test"
    )
    resolved = resolve(recipe.made_columns)
    stage = ImageColumns(folder, resolved, place_conditions(recipe, resolved), read, stores={"first": store})
    assert [row["first"] for row in run_stage(stage, [rows]).kept] == expected


@pytest.mark.parametrize("of", ["image", "pair", "embedding"])
def test_values_are_stored_as_they_are_made(image_rows, module, tmp_path, of):
    """A run that ends within a staging shard goes on after the last call that was stored."""
    column = {"name": "weary", "of": of, "by": "call", "call": f"{module}:weary", "batch_size": 2, "on_error": "stop"}
    recipe = recipe_from({"name": "mine", "clip": {"model": "babelsift-demo"}, "columns": column}, source="test")
    columns = resolve(recipe.columns)
    placed = place_conditions(recipe, columns)
    things = {
        "image": lambda rows, *_: ((IMAGES[: len(rows)],), [None] * len(rows)),
        "pair": lambda rows, *_: ((IMAGES[: len(rows)], rows.column("caption")), [None] * len(rows)),
        "embedding": lambda rows, *_: ((np.ones((len(rows), 2), np.float32),), [None] * len(rows)),
    }
    rows = image_rows(9)

    def made(after_s=0.0):
        making = Making(RunFolder(str(tmp_path)), columns, placed, Stage.IMAGE_COLUMNS, things[of])
        making.stored_after_s = after_s
        try:
            return making.of(rows, Place(0)).kept
        finally:
            making.close()

    (tmp_path / "said.txt.stop").write_text("3")
    with pytest.raises(ModelError, match="raises RuntimeError: stopped"):
        made()
    assert module.said() == ["call 2"] * 3
    (tmp_path / "said.txt.stop").unlink()
    assert made(600).column("weary").to_pylist() == [1.0] * 9
    assert module.said() == ["call 1", *["call 2"] * 4]
    assert len(list(tmp_path.glob("staging/columns/weary-*/values_*.parquet"))) == 4


def test_measures_and_codes_of_images_are_columns(run_stage, image_rows, tmp_path):
    columns = [{"name": "look", "of": "image", "by": "measures"}, {"name": "codes", "of": "image", "by": "qr_codes"}]
    outputs = run_stage(stage(tmp_path, columns, look_entropy={"min": 1}, codes={"max": 0}), [image_rows(3)])
    assert outputs.rejected == []
    assert all(0 <= row["look_brightness"] <= 1 and row["codes"] == 0 for row in outputs.kept)
