"""A run with columns of captions, images, pairs and embeddings is killed at many moments, and ends at the same bytes."""

import pyarrow.parquet as pq
import pytest

from babelsift.schemas import recipe_from
from tests.support.hostile_web import LOOPBACK_ONLY
from tests.support.killed_runs import killed_runs
from tests.support.small_run import babelsift, product, write_pairs, write_recipe

MOMENTS = 4
MODULE = """
import pyarrow.compute as pc

def length(texts):
    return pc.utf8_length(texts)

def shade(images):
    return {"mean": [float(image.mean()) for image in images], "tone": ["grey" for image in images]}

def fits(images, captions):
    return [len(image) % 7 + len(caption) for image, caption in zip(images, captions.to_pylist())]

def first(vectors):
    return vectors[:, 0]
"""
COLUMNS = [
    {"name": "length", "of": "caption", "call": "mortal:length", "gives": "integer"},
    {"name": "shade", "of": "image", "call": "mortal:shade", "takes": "pixels"}
    | {"gives": {"mean": "float", "tone": "string"}},
    {"name": "fits", "of": "pair", "call": "mortal:fits", "gives": "integer"},
    {"name": "first", "of": "embedding", "call": "mortal:first"},
]
RECIPE = recipe_from(
    {
        "name": "columns",
        "download": {"image_size": 32, "samples_per_staging_shard": 10, **LOOPBACK_ONLY},
        "clip": {"model": "babelsift-demo", "name": "demo"},
        "columns": [{"by": "call", "batch_size": 4, **column} for column in COLUMNS],
        "select": {"conditions": {"shade_tone": {"in": ["grey"]}, "fits": {"above": 24}}},
        "shards": {"samples_per_shard": 8},
    },
    source="test",
)


@pytest.mark.slow
def test_killed_with_columns(hostile_web, tmp_path, monkeypatch):
    (tmp_path / "mortal.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    write_pairs(hostile_web, tmp_path / "pairs.parquet")
    recipe = write_recipe(tmp_path / "recipe.yaml", RECIPE)
    command = ["curate", "--recipe", recipe, "--input", str(tmp_path / "pairs.parquet"), "--output"]
    whole = babelsift(*command, str(tmp_path / "whole"))
    assert whole.code == 0, whole.log
    expected = product(str(tmp_path / "whole"))
    rows = pq.read_table(sorted((tmp_path / "whole" / "shards").glob("*.parquet"))).to_pylist()
    assert rows
    assert all(None not in (row["length"], row["shade_mean"], row["fits"], row["first"]) for row in rows)
    runs = killed_runs([*command, str(tmp_path / "out")], str(tmp_path / "out"), moments=MOMENTS)
    assert sum(run.is_killed for run in runs) == MOMENTS
    for run in runs:
        assert product(run.folder) == expected, run
