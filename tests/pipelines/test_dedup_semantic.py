import sys

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from filters.clip import result_schema
from pipelines.dedup_semantic import DedupSemantic
from pipelines.duplicates import DUPLICATES, WriteDuplicates
from pipelines.run import check_settings
from pipelines.run_folder import RunFolder
from pipelines.score_store import ScoreStore
from schemas import ModelError, RecipeError, recipe_from
from schemas.recipe import DedupSemanticSettings

DIMENSION = 48


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path / "run"))


@pytest.fixture
def store(folder):
    return ScoreStore(folder, "m", "0123abcd" * 8)


@pytest.fixture
def scored(store, image_rows):
    """scored(vectors, similarities=None) -> scored rows, with their vectors stored."""

    def make(vectors, similarities=None):
        vectors = np.asarray(vectors, np.float64)
        vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
        similarities = [0.3] * len(vectors) if similarities is None else similarities
        shards = [row % 3 for row in range(len(vectors))]
        batch = image_rows(len(vectors), staging_shard=shards, similarity_m=pa.array(similarities, pa.float32()))
        results = pa.RecordBatch.from_arrays(
            [
                pa.array(similarities, pa.float32()),
                pa.nulls(len(vectors), pa.string()),
                *(pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1]) for _ in range(2)),
            ],
            schema=result_schema(vectors.shape[1]),
        )
        for shard in sorted(set(shards)):
            taken = [row for row, of in enumerate(shards) if of == shard and similarities[row] is not None]
            rows = pa.array(taken, pa.int64())
            store.add(shard, batch.take(rows), results.take(rows))
        return batch

    return make


def planted(groups, copies, noise=0.02, seed=0):
    """Vectors of unlike groups, each with so many near copies, and which group each is of."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(groups, DIMENSION))
    group = np.repeat(np.arange(groups), copies)
    return centres[group] + noise * random.normal(size=(len(group), DIMENSION)), group


def by_shard(batch, order, size):
    pieces = []
    for shard in range(3):
        rows = [row for row in order if batch.column("staging_shard")[row].as_py() == shard]
        pieces += [batch.take(pa.array(rows[start : start + size])) for start in range(0, len(rows), size)]
    return pieces


def test_planted_duplicates_are_found_and_nothing_else(run_stage, scored, store):
    vectors, _ = planted(300, 1)
    near, of = planted(300, 1)[0][:100], np.arange(100)
    vectors = np.concatenate([vectors, near + 0.02 * np.random.default_rng(5).normal(size=near.shape)])
    batch = scored(vectors)
    outputs = run_stage(DedupSemantic(DedupSemanticSettings(epsilon=0.05, clusters=12), store), [batch])
    uid = batch.column("uid").to_pylist()
    gone = {row["source_row"]: row["value"].split(" at ") for row in outputs.rejected}
    expected = {frozenset((row, 300 + row)) for row in of}
    found = {frozenset((row, uid.index(survivor))) for row, (survivor, _) in gone.items()}
    assert len(found & expected) / len(expected) >= 0.99
    assert len(found & expected) / len(found) >= 0.99
    assert {row["reason"] for row in outputs.rejected} == {"semantic_duplicate"}
    assert {row["threshold"] for row in outputs.rejected} == {"0.95"}
    assert all(0.95 < float(cosine) <= 1 for _, cosine in gone.values())
    assert outputs.counters["dedup_semantic.in_rows"] == 400


def test_verdicts_depend_on_no_order_and_no_batching(run_stage, scored, store):
    vectors, _ = planted(30, 8, noise=0.12)
    batch = scored(vectors)
    settings = DedupSemanticSettings(epsilon=0.02, clusters=5, sample_rows=100)
    ledgers = []
    for seed, size in ((0, 240), (1, 7), (2, 31)):
        order = np.random.default_rng(seed).permutation(len(batch))
        outputs = run_stage(DedupSemantic(settings, store, seed=4), by_shard(batch, order, size))
        ledgers.append(sorted((row["uid"], row["value"]) for row in outputs.rejected))
    assert ledgers[0] == ledgers[1] == ledgers[2]
    assert 30 < len(ledgers[0]) < 230


@pytest.mark.parametrize(
    ("survivor", "kept"), [("farthest", 2), ("nearest", 1), ("best_similarity", 0), ("lowest_uid", None)]
)
def test_the_survivor_is_a_setting(run_stage, scored, store, survivor, kept):
    angles = np.radians([0, 3, 7])
    batch = scored(np.stack([np.cos(angles), np.sin(angles)], axis=1), similarities=[0.4, 0.2, 0.3])
    settings = DedupSemanticSettings(epsilon=0.1, clusters=1, survivor=survivor)
    outputs = run_stage(DedupSemantic(settings, store), [batch])
    uids = batch.column("uid").to_pylist()
    assert [row["uid"] for row in outputs.kept] == [min(uids) if kept is None else uids[kept]]


def test_copies_of_one_vector_leave_one(run_stage, scored, store, monkeypatch):
    monkeypatch.setattr("pipelines.dedup_semantic._FOLDED_AT_BYTES", 1000)
    monkeypatch.setattr("pipelines.dedup_semantic._SENT_AT_BYTES", 1000)
    one = np.ones(DIMENSION)
    near = one + 0.05 * np.eye(1, DIMENSION)[0]
    batch = scored([one] * 60 + [near] * 60)
    pieces = [batch.slice(start, 10) for start in range(0, 120, 10)]
    outputs = run_stage(DedupSemantic(DedupSemanticSettings(survivor="lowest_uid"), store), pieces)
    lowest = min(batch.column("uid").to_pylist())
    assert [row["uid"] for row in outputs.kept] == [lowest]
    assert {row["value"].split(" at ")[0] for row in outputs.rejected} == {lowest}


def test_pairs_of_another_model_are_not_compared(run_stage, scored, store):
    batch = scored(np.ones((4, DIMENSION)), similarities=[0.3, None, 0.3, None])
    assert sum(map(bool, run_stage(DedupSemantic(DedupSemanticSettings(), store), [batch]).fates().values())) == 1
    batch = batch.take(pa.array([1, 3]))
    assert run_stage(DedupSemantic(DedupSemanticSettings(), store), [batch]).fates() == {1: None, 3: None}


def test_without_settings_rows_pass_and_are_counted(run_stage, scored):
    outputs = run_stage(DedupSemantic(None), [scored(np.ones((4, DIMENSION)))])
    assert len(outputs.kept) == 4
    assert outputs.counters["dedup_semantic.in_rows"] == 4


@pytest.mark.parametrize("report_only", [False, True])
def test_duplicates_are_recorded_whether_they_go_or_not(scored, store, folder, tmp_path, report_only):
    import pyarrow.parquet as pq

    batch = scored(np.ones((3, DIMENSION)))
    settings = DedupSemanticSettings(report_only=report_only)
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        rows = pipeline | beam.Create([batch], reshuffle=False).with_output_types(pa.RecordBatch)
        found = rows | DedupSemantic(settings, store)
        _ = found[DUPLICATES] | WriteDuplicates(folder)
        _ = found.kept | beam.Map(len) | beam.Map(str) | beam.io.WriteToText(str(tmp_path / "kept"), num_shards=1)
    assert (tmp_path / "kept-00000-of-00001").read_text() == ("3\n" if report_only else "1\n")
    table = pq.read_table(tmp_path / "run" / "duplicates.parquet").to_pylist()
    lowest = min(batch.column("uid").to_pylist())
    same = {"survivor": lowest, "kind": "semantic", "distance": None, "earlier_run": False, "cosine": 1.0}
    others = sorted(set(batch.column("uid").to_pylist()) - {lowest})
    assert table == [{"uid": uid, **same, "report_only": report_only} for uid in others]


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        ([], r"dedup_semantic needs the embeddings of a clip model, there are \[\]"),
        (
            [{"model": "x", "keep_embeddings": False}],
            "dedup_semantic reads the embeddings of 'x'; set its keep_embeddings to true",
        ),
    ],
)
def test_a_recipe_without_embeddings_is_refused(clip, message):
    with pytest.raises(RecipeError, match=message):
        recipe_from({"name": "mine", "clip": clip, "dedup_semantic": {}}, source="mine.yaml")


def test_a_store_is_needed():
    with pytest.raises(ValueError, match="needs the store"):
        DedupSemantic(DedupSemanticSettings())


def test_a_missing_faiss_is_said_before_the_run(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    recipe = recipe_from(
        {"name": "mine", "clip": {"model": "babelsift-demo"}, "dedup_semantic": {}}, source="mine.yaml"
    )
    with pytest.raises(ModelError, match=r"dedup_semantic needs faiss; pip install 'babelsift\[semantic\]'"):
        check_settings(recipe)
