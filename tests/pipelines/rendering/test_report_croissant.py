import json

import mlcroissant
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.rendering import ReportData, croissant, sample_fields
from babelsift.schemas import Funnel, recipe_from


def described(kept):
    counts = {("read", "in", ""): kept, ("shard", "out", "en"): kept - 1, ("shard", "out", "sw"): 1}
    recipe = recipe_from({"name": "mine", "clip": {"model": "ViT-B-32", "name": "b_32"}}, source="test")
    made = pa.schema([("length", pa.int64()), ("shown", pa.list_(pa.string()))])
    return ReportData(recipe=recipe, funnel=Funnel.from_counts(counts), made_columns=made)


def _value(kind, text, number):
    if kind.startswith("list"):
        return pa.array([[text, "more"]])
    return pa.array([text]) if kind == "string" else pa.array([number], pa.type_for_alias(kind))


def _decoded(value):
    if isinstance(value, list):
        return [_decoded(one) for one in value]
    return value.decode() if isinstance(value, bytes) else value


@pytest.fixture
def data_set(tmp_path):
    """(its folder, its rows by split), with the columns that shards have."""
    data, rows = described(6), {}
    splits = [("train", "shards"), ("validation", "validation")]
    fields = sample_fields(data)
    for split, folder in splits:
        (tmp_path / folder).mkdir()
        for shard in range(2):
            values = {name: _value(kind, f"{split} {shard} {name}", shard) for name, kind, _ in fields}
            pq.write_table(pa.table(values), tmp_path / folder / f"{shard:08d}.parquet")
            rows.setdefault(split, []).append({name: pa.array(value)[0].as_py() for name, value in values.items()})
    (tmp_path / "croissant.json").write_text(json.dumps(croissant(data, splits, fields)))
    return tmp_path, rows


def test_mlcroissant_finds_nothing_wrong_and_reads_the_records(data_set):
    folder, rows = data_set
    loaded = mlcroissant.Dataset(str(folder / "croissant.json"))
    assert not loaded.metadata.ctx.issues.errors
    for split, expected in rows.items():
        found = [{name.split("/")[1]: _decoded(value) for name, value in row.items()} for row in loaded.records(split)]
        assert found == expected
    assert loaded.metadata.name == "mine"
    assert loaded.metadata.in_language == ["en", "sw"]


def test_a_data_set_of_nothing_is_valid_too(tmp_path):
    path = tmp_path / "croissant.json"
    path.write_text(json.dumps(croissant(ReportData(described(2).recipe, Funnel.from_counts({})), [], [])))
    assert not mlcroissant.Dataset(str(path)).metadata.ctx.issues.errors
