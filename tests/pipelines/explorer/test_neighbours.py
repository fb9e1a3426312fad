"""Pairs near a pair, a text, an image: by stored embeddings, exactly or nearly so."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from babelsift.filters.clip import result_schema
from babelsift.filters.uids import compute_uids
from babelsift.pipelines.explorer.neighbours import MOST_NEIGHBOURS, Neighbours
from babelsift.pipelines.explorer.pairs.made import scored_uids
from babelsift.pipelines.explorer.projection import project
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.layout import shard_path
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import ModelError, recipe_from

ROWS, DIMENSION = 3000, 16
UIDS = pa.array([f"{row:032x}" for row in range(ROWS)], pa.large_string())
RECIPE = recipe_from({"name": "near", "clip": {"model": "babelsift-demo", "name": "demo"}}, source="near")


def stored(folder, vectors, name="demo"):
    store = ScoreStore(folder, name, "a" * 64)
    store.describe({"model": "babelsift-demo", "pretrained": None, "precision": "fp32"})
    for shard, start in enumerate(range(0, len(vectors), 1000)):
        own = vectors[start : start + 1000].astype(np.float16)
        flat = pa.FixedSizeListArray.from_arrays(pa.array(own.ravel()), own.shape[1])
        errors = pa.array([None] * len(own), pa.string())
        similarity = pa.array(np.zeros(len(own), np.float32))
        results = pa.RecordBatch.from_arrays([similarity, errors, flat, flat], schema=result_schema(own.shape[1]))
        pairs = pa.RecordBatch.from_pydict(
            {
                "uid": UIDS.slice(start, len(own)).cast(pa.string()),
                "sha256": ["0" * 64] * len(own),
                "image_size": pa.array([1] * len(own), pa.int64()),
            }
        )
        folder.write(shard_path(shard, ".tar"), b"tar")
        store.add(shard, pairs, results)


@pytest.fixture
def vectors():
    """Directions around 30 middles, as of images that are alike in groups."""
    draw = np.random.default_rng(0)
    middles = draw.normal(size=(30, DIMENSION))
    vectors = middles[draw.integers(0, 30, ROWS)] + 0.4 * draw.normal(size=(ROWS, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)


def neighbours(folder, **options):
    return Neighbours(folder, lambda: UIDS, lambda: RECIPE, **options)


def test_the_nearest_come_first_and_the_pair_itself_does_not(tmp_path, vectors):
    folder = RunFolder(str(tmp_path))
    stored(folder, vectors)
    found = neighbours(folder).rows(("row", 7))
    cosines = vectors @ vectors[7]
    assert len(found) == MOST_NEIGHBOURS - 1
    assert 7 not in found
    assert np.all(np.diff(cosines[found]) <= 1e-6)
    assert cosines[found].min() >= np.sort(cosines)[-MOST_NEIGHBOURS] - 1e-6


def test_beyond_exact_comparison_most_of_the_nearest_are_found(tmp_path, vectors):
    folder = RunFolder(str(tmp_path))
    stored(folder, vectors)
    near, exact = neighbours(folder, exact_rows=100), neighbours(folder)
    for most, recall in ((20, 0.99), (MOST_NEIGHBOURS - 1, 0.95)):
        found = [
            len(set(near.rows(("row", row))[:most]) & set(exact.rows(("row", row))[:most])) / most
            for row in range(0, 200, 10)
        ]
        assert np.mean(found) >= recall


def test_rows_of_other_runs_into_the_folder_are_left_out(tmp_path, vectors):
    folder = RunFolder(str(tmp_path))
    stored(folder, vectors)
    fewer = Neighbours(folder, lambda: UIDS.slice(0, 50), lambda: RECIPE)
    assert set(fewer.rows(("row", 3))) == set(range(50)) - {3}
    with pytest.raises(ModelError, match="never scored"):
        fewer.rows(("row", 70))


def test_without_embeddings_the_remedy_is_said(tmp_path):
    with pytest.raises(ModelError, match="keep_embeddings"):
        neighbours(RunFolder(str(tmp_path))).rows(("row", 1))


def test_a_text_and_an_image_are_searched_by_the_runs_own_model(tmp_path):
    from babelsift.pipelines.stages.score.models import load_scorer

    folder = RunFolder(str(tmp_path))
    texts = ["a red circle", "a blue square", "a green triangle"]
    scorer = load_scorer(RECIPE.clip[0])
    image = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(image, "PNG")
    scored = scorer.score([image.getvalue()], ["a picture"], embeddings=True)
    of_image = np.array(scored.column("image_embedding")[0].as_py(), np.float32)
    stored(folder, np.stack([*scorer.embed_texts(texts), of_image]))
    found = neighbours(folder)
    assert found.rows(("text", "a blue square"))[0] == 1
    digest = found.add_image(image.getvalue())
    assert found.rows(("image", digest))[0] == 3
    with pytest.raises(ModelError, match="cannot be searched by"):
        found.add_image(b"no image")
    with pytest.raises(ModelError, match="give it again"):
        found.rows(("image", "0" * 64))


def test_a_projection_keeps_groups_apart(vectors):
    plane = project(vectors.astype(np.float16))
    assert plane.shape == (ROWS, 2)
    assert np.allclose(plane.std(axis=0), 1, atol=0.05)
    assert np.array_equal(plane, project(vectors.astype(np.float16)))


def test_scores_are_found_by_the_caption_as_edits_have_left_it():
    edited = recipe_from({"name": "edited", "caption_edits": {"strip": ["urls"]}}, source="edited")
    url, caption = "http://e.org/1.jpg", "a cat"
    as_read, as_scored = (compute_uids(pa.array([url]), pa.array([text]))[0].as_py() for text in ("a cat www", caption))
    pairs = pa.table({"uid": [as_read, None], "url": [url, None], "caption": [caption, "alone"]})
    pairs = pairs.cast(pa.schema([(name, pa.large_string()) for name in pairs.column_names]))
    assert scored_uids(pairs, edited).to_pylist() == [as_scored, None]
    assert scored_uids(pairs, RECIPE).to_pylist() == [as_read, None]
