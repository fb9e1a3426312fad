"""Columns through whole runs: what decides before the download, what is paid for once, what is said of it."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.replay.dry_run import dry_run
from babelsift.schemas import Funnel, dump_recipe, recipe_from
from tests.support.hostile_web import LOOPBACK_ONLY, HostileWeb
from tests.support.quick_beam import quick_beam
from tests.support.small_run import PAIRS, babelsift, write_pairs

MODULE = """
import pyarrow.compute as pc

def length(texts):
    with open({said!r}, "a") as said:
        said.writelines(text + "\\n" for text in texts.to_pylist())
    return pc.utf8_length(texts)

def shade(images):
    with open({said!r}, "a") as said:
        said.writelines("image\\n" for image in images)
    return {{"mean": [float(image.mean()) for image in images], "tone": ["grey" for image in images]}}
"""


def recipe(**conditions):
    shade = {"name": "shade", "of": "image", "by": "call", "call": "their_columns:shade", "takes": "pixels"}
    return recipe_from(
        {
            "name": "mine",
            "download": {"image_size": 32, "samples_per_staging_shard": 10, **LOOPBACK_ONLY},
            "shards": {"samples_per_shard": 8},
            "columns": [
                {
                    "name": "length",
                    "of": "caption",
                    "by": "call",
                    "call": "their_columns:length",
                    "gives": "integer",
                },
                {**shade, "gives": {"mean": "float", "tone": "string"}},
            ],
            "select": {"conditions": conditions},
        },
        source="test",
    )


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A web, a table with ratings, a module of columns; `said()` are the things that its functions were asked about."""
    said = tmp_path / "said.txt"
    (tmp_path / "their_columns.py").write_text(MODULE.format(said=str(said)))
    monkeypatch.syspath_prepend(str(tmp_path))
    with HostileWeb() as web:
        write_pairs(web, tmp_path / "pairs.parquet")
        table = pq.read_table(tmp_path / "pairs.parquet")
        ratings = pa.array([row % 5 for row in range(PAIRS)])
        pq.write_table(table.append_column("rating", ratings), tmp_path / "pairs.parquet")
        yield web, tmp_path, lambda: sorted(said.read_text().splitlines())


def curate(home, recipe):
    (home / "recipe.yaml").write_text(dump_recipe(recipe))
    arguments = ["--recipe", str(home / "recipe.yaml"), "--input", str(home / "pairs.parquet")]
    ran = babelsift("curate", *arguments, "--output", str(home / "out"))
    assert ran.code == 0, ran.log
    return Funnel.from_json(json.loads((home / "out" / "funnel.json").read_text())).to_json()


@pytest.mark.slow
def test_conditions_decide_where_their_columns_are_made_and_values_are_made_once(world):
    web, home, said = world
    first = curate(home, recipe(rating={"min": 2}, length={"max": 25}, shade_tone={"in": ["grey"]}, width={"min": 8}))
    rejected = {stage["stage"]: stage["rejected"] for stage in first["stages"] if stage["rejected"]}
    # Of 30 rows 12 are rated too low; of the other 18 one has no URL, and 11 have captions of two-digit numbers.
    assert rejected["read"] == {"condition_not_met": 12}
    assert rejected["text_columns"] == {"length_not_met": 11}
    assert "select" not in rejected
    assert first["kept_rows"] == 6
    assert len(web.requests) == 6
    ledger = pq.read_table(home / "out" / "rejects").filter(pa.compute.field("reason") == "length_not_met").to_pylist()
    assert {(row["stage"], row["value"], row["threshold"]) for row in ledger} == {
        ("text_columns", "length 26", "length <= 25")
    }
    rows = pq.read_table(home / "out" / "shards" / "00000000.parquet").to_pylist()
    assert {(row["length"], row["shade_tone"], row["rating"] >= 2) for row in rows} == {(25, "grey", True)}
    described = json.loads((home / "out" / "croissant.json").read_text())["recordSet"][0]["field"]
    assert {"train/length", "train/shade_mean", "train/shade_tone"} <= {field["@id"] for field in described}
    assert "| `shade_tone` | string | said of the image by call |" in (home / "out" / "README.md").read_text()
    page = (home / "out" / "report" / "index.html").read_text()
    assert "select.conditions.length.max" in page
    assert "select.conditions.rating.min" in page
    asked = said()
    assert (len(asked), asked.count("image")) == (17 + 6, 6)

    # Another threshold computes nothing of what is stored; a dry run says what it cannot know.
    wider = recipe(rating={"min": 2}, length={"max": 26}, shade_mean={"min": 0})
    with quick_beam():
        dry = dry_run(wider, str(home / "out"), [str(home / "pairs.parquet")])
    assert dry.not_stored == {"download": 11}
    second = curate(home, wider)
    assert second["kept_rows"] == 16
    new = said()
    assert (len(new) - len(asked), new.count("image")) == (10, 16)
    with quick_beam():
        dry = dry_run(wider, str(home / "out"), [str(home / "pairs.parquet")])
    assert dry.not_stored == {}
    assert dry.funnel.to_json() == second
