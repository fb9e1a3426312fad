"""`babelsift train-head` on embeddings that are stored, and the head that columns then read."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from babelsift.filters.clip.heads.embedding_heads import load_head_of_files
from babelsift.filters.uids import compute_uids
from babelsift.pipelines.cli.main import main
from babelsift.pipelines.inspection.train_head import train_on_run
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.scores.score_store import PAIR_COLUMNS, ScoreStore
from babelsift.schemas import parse_recipe, recipe_from

ROWS = 400


@pytest.fixture
def home(tmp_path):
    """A run folder with embeddings of a model `a`, whose first number says the label; labels beside it."""
    vectors = np.random.default_rng(1).normal(size=(ROWS, 8)).astype(np.float16)
    uids = compute_uids(pa.array([f"u{row}" for row in range(ROWS)]), pa.array(["c"] * ROWS))
    sizes = pa.array([1] * ROWS, pa.int64())
    pairs = pa.record_batch([uids, pa.array(["0" * 64] * ROWS), sizes], names=list(PAIR_COLUMNS))
    texts = np.random.default_rng(2).normal(size=(ROWS, 8)).astype(np.float16)
    arrays, of_texts = (pa.FixedSizeListArray.from_arrays(pa.array(one.reshape(-1)), 8) for one in (vectors, texts))
    errors = pa.array([None] * (ROWS - 1) + ["image: broken"], pa.string())
    results = pa.record_batch(
        {
            "similarity": pa.array([0.1] * ROWS, pa.float32()),
            "error": errors,
            "image_embedding": arrays,
            "text_embedding": of_texts,
        }
    )
    store = ScoreStore(RunFolder(str(tmp_path / "out")), "a", "f" * 64)
    store.describe({"model": "x"})
    store.add(0, pairs.slice(0, 300), results.slice(0, 300))
    store.add(3, pairs.slice(300), results.slice(300))
    labels = (vectors[:, 0] > 0).astype(int)
    pq.write_table(pa.table({"uid": uids, "label": labels}), tmp_path / "labels.parquet")
    by_vectors = {"image": vectors, "text": texts, "product": vectors * texts, "both": vectors + texts}
    for name, numbers in by_vectors.items():
        table = pa.table({"uid": uids, "label": (numbers[:, 1] > 0).astype(int)})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    order = [(row, row + 1) if vectors[row, 0] > vectors[row + 1, 0] else (row + 1, row) for row in range(0, ROWS, 2)]
    better, worse = ([uids[pair[side]] for pair in order] for side in (0, 1))
    table = pa.table({"uid": pa.array(better), "other_uid": pa.array(worse), "preference": [1] * len(better)})
    pa.csv.write_csv(table, tmp_path / "preferences.csv")
    return tmp_path, vectors


@pytest.mark.parametrize(("labels", "used"), [("labels.parquet", ROWS - 1), ("preferences.csv", ROWS // 2 - 1)])
def test_a_head_is_trained_and_read_by_columns(home, capsys, labels, used):
    folder, vectors = home
    command = ["train-head", str(folder / "out"), "--labels", str(folder / labels), "--model", "a"]
    assert main([*command, "--output", str(folder / "head.safetensors")]) == 0
    assert capsys.readouterr().out.startswith(f"{used} of ")
    card = (folder / "head.md").read_text()
    assert "held-out AUC: 0.9" in card or "held-out AUC: 1.0" in card
    layers = {"file": str(folder / "head.safetensors"), "output": "sigmoid"}
    column = {"name": "mine", "of": "embedding", "by": "layers", "layers": layers}
    recipe = recipe_from({"name": "r", "clip": {"model": "x", "name": "a"}, "columns": column}, source="test")
    scores = load_head_of_files(recipe.all_heads[0]).score(vectors.astype(np.float32))
    assert (scores[vectors[:, 0] > 0.5] > scores[vectors[:, 0] < -0.5].max(initial=0) - 0.5).all()
    assert np.corrcoef(scores, vectors[:, 0])[0, 1] > 0.7


@pytest.mark.parametrize("vectors", ["image", "text", "product", "both"])
def test_a_head_is_trained_on_what_it_is_to_read(home, capsys, vectors):
    """Labels that only these embeddings say, and images' alone, which then say little."""
    folder, _ = home
    labels, out = str(folder / f"{vectors}.parquet"), folder / "head.safetensors"
    command = ["train-head", str(folder / "out"), "--labels", labels, "--model", "a", "--output", str(out)]
    found = {}
    for read in ("image", vectors):
        assert main([*command, "--vectors", read]) == 0
        found[read] = float(re.search(r"held-out AUC ([\d.]+)", capsys.readouterr().out).group(1))
    assert found[vectors] > 0.95
    assert vectors == "image" or found["image"] < found[vectors] - 0.05
    [columns] = re.findall(r"```yaml\n(.*?)```", out.with_suffix(".md").read_text(), re.DOTALL)
    column = parse_recipe("name: r\nclip: {model: x, name: a}\n" + columns, source="card").columns[0]
    assert column.vectors == vectors
    width = 16 if vectors == "both" else 8
    assert load_head_of_files(column.head).score(np.zeros((1, width), np.float32)).shape == (1,)


def test_a_preference_that_is_there_both_ways_is_on_one_side(home):
    folder, _ = home
    table = pa.csv.read_csv(folder / "preferences.csv")
    turned = pa.table({"uid": table["other_uid"], "other_uid": table["uid"], "preference": [0] * len(table)})
    for name, rows in (("once", table), ("twice", pa.concat_tables([table, turned]))):
        pq.write_table(rows, folder / f"{name}.parquet")
    reports = [
        train_on_run(
            RunFolder(str(folder / "out")), str(folder / f"{name}.parquet"), "a", str(folder / "h.safetensors")
        )
        for name in ("once", "twice")
    ]
    assert reports[1].held_out == 2 * reports[0].held_out


@pytest.mark.parametrize("labels", ["labels.parquet", "preferences.csv"])
def test_a_hidden_layer_is_trained_and_read_by_columns(home, labels):
    folder, vectors = home
    command = ["train-head", str(folder / "out"), "--labels", str(folder / labels), "--model", "a", "--hidden", "8"]
    for name in ("head", "again"):
        assert main([*command, "--output", str(folder / f"{name}.safetensors")]) == 0
    assert (folder / "head.safetensors").read_bytes() == (folder / "again.safetensors").read_bytes()
    card = (folder / "head.md").read_text()
    assert "An MLP of" in card
    assert "activation: relu, output: sigmoid" in card
    layers = {"file": str(folder / "head.safetensors"), "activation": "relu", "output": "sigmoid"}
    column = {"name": "mine", "of": "embedding", "by": "layers", "layers": layers}
    recipe = recipe_from({"name": "r", "clip": {"model": "x", "name": "a"}, "columns": column}, source="test")
    scores = load_head_of_files(recipe.all_heads[0]).score(vectors.astype(np.float32))
    assert np.corrcoef(scores, vectors[:, 0])[0, 1] > 0.7


def test_the_card_has_columns_that_a_recipe_may_have(home):
    folder, _ = home
    head = folder / "My-Head, v2.safetensors"
    command = ["train-head", str(folder / "out"), "--labels", str(folder / "labels.parquet"), "--model", "a"]
    assert main([*command, "--output", str(head)]) == 0
    [columns] = re.findall(r"```yaml\n(.*?)```", head.with_suffix(".md").read_text(), re.DOTALL)
    recipe = parse_recipe("name: r\nclip: {model: x, name: a}\n" + columns, source="card")
    assert recipe.columns[0].name == "my_head_v2"
    assert load_head_of_files(recipe.all_heads[0]).score(np.zeros((1, 8), np.float32)).shape == (1,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--hidden": "-1"}, "--hidden -1: a layer has units"),
        ({"--model": "b"}, "has no embeddings of a model 'b'; there are a"),
        ({"--labels": "gone.parquet"}, "--labels gone.parquet: cannot be read"),
        ({"--labels": "no_label.parquet"}, "has no column 'label'"),
        ({"--labels": "odd.parquet"}, "holds other values than 0 and 1"),
        ({"--labels": "others.parquet"}, "no uid of it has an embedding of 'a'"),
        ({"--labels": "names.parquet"}, "'cat' is no uid"),
    ],
)
def test_faults_are_one_line(home, capsys, monkeypatch, change, said):
    folder, _ = home
    monkeypatch.chdir(folder)
    pq.write_table(pa.table({"uid": ["0" * 32]}), "no_label.parquet")
    pq.write_table(pa.table({"uid": ["0" * 32], "label": [2]}), "odd.parquet")
    pq.write_table(pa.table({"uid": ["0" * 32], "label": [1]}), "others.parquet")
    pq.write_table(pa.table({"uid": ["cat"], "label": [1]}), "names.parquet")
    options = {"--labels": "labels.parquet", "--model": "a", "--output": "head.safetensors", **change}
    assert main(["train-head", "out", *(word for option in options.items() for word in option)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line
