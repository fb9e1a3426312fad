import sys

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.filters.clip import result_schema
from babelsift.pipelines.job.checks import check_settings
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.dedup.duplicates_table import DUPLICATES, WriteDuplicates
from babelsift.pipelines.stages.dedup.semantic import DedupSemantic
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import InputError, ModelError, RecipeError, RunFolderError, recipe_from
from babelsift.schemas.recipe import DedupSemanticSettings

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


@pytest.fixture
def earlier(tmp_path, image_rows):
    """earlier(vectors, kept) -> the url of a run folder that stored the vectors and kept the rows named, no image."""

    def make(vectors, kept, *, fingerprint="0123abcd" * 8, name="another_name"):
        folder = RunFolder(str(tmp_path / "earlier"))
        store = ScoreStore(folder, name, fingerprint)
        store.describe({"model": "m"})
        vectors = np.asarray(vectors, np.float64)
        vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
        batch = image_rows(len(vectors), first_row=5000)
        columns = [pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])] * 2
        results = [pa.array([0.3] * len(vectors), pa.float32()), pa.nulls(len(vectors), pa.string()), *columns]
        half = len(vectors) // 2
        for shard, rows in enumerate((slice(0, half), slice(half, None))):
            some = pa.array(range(len(vectors))[rows], pa.int64())
            results_batch = pa.RecordBatch.from_arrays(results, schema=result_schema(vectors.shape[1]))
            store.add(shard, batch.take(some), results_batch.take(some))
        with folder.writing("shards/00000000.parquet") as file:
            pq.write_table(pa.Table.from_batches([batch.take(pa.array(kept))]).select(["uid", "sha256"]), file)
        return folder.url, batch.column("uid").to_pylist()

    return make


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


@pytest.mark.parametrize("clusters", [5, 70])
def test_verdicts_depend_on_no_order_and_no_batching(run_stage, scored, store, clusters):
    """Whether one worker trains all clusters, or each cell's are trained apart."""
    vectors, _ = planted(30, 8, noise=0.12)
    batch = scored(vectors)
    settings = DedupSemanticSettings(epsilon=0.02, clusters=clusters, sample_rows=100)
    ledgers = []
    for seed, size, partitions in ((0, 240, 1), (1, 7, 3), (2, 31, 1)):
        order = np.random.default_rng(seed).permutation(len(batch))
        stage = DedupSemantic(settings, store, seed=4, partitions=partitions)
        outputs = run_stage(stage, by_shard(batch, order, size))
        ledgers.append(sorted((row["uid"], row["value"]) for row in outputs.rejected))
    assert ledgers[0] == ledgers[1] == ledgers[2]
    assert 25 < len(ledgers[0]) < 230


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


def test_copies_of_one_vector_leave_one(run_stage, scored, store):
    one = np.ones(DIMENSION)
    near = one + 0.05 * np.eye(1, DIMENSION)[0]
    batch = scored([one] * 60 + [near] * 60)
    pieces = [batch.slice(start, 10) for start in range(0, 120, 10)]
    outputs = run_stage(DedupSemantic(DedupSemanticSettings(survivor="lowest_uid"), store, buffer_bytes=250), pieces)
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


def test_duplicates_say_that_the_survivor_is_an_earlier_runs(scored, store, folder, earlier):
    url, uids = earlier(np.ones((2, DIMENSION)), kept=[0])
    batch = scored(np.ones((1, DIMENSION)))
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        rows = pipeline | beam.Create([batch], reshuffle=False).with_output_types(pa.RecordBatch)
        found = rows | DedupSemantic(DedupSemanticSettings(earlier=(url,)), store)
        _ = found[DUPLICATES] | WriteDuplicates(folder)
    (row,) = pq.read_table(folder.path("duplicates.parquet")).to_pylist()
    assert (row["survivor"], row["earlier_run"]) == (uids[0], True)


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


def test_what_an_earlier_run_kept_wins(run_stage, scored, store, earlier):
    old = planted(40, 1, seed=1)[0]
    url, uids = earlier(old, kept=[*range(10, 30)])
    near = old + 0.02 * np.random.default_rng(7).normal(size=old.shape)
    new = planted(25, 1, seed=2)[0]
    batch = scored(np.concatenate([near, new]))
    settings = DedupSemanticSettings(epsilon=0.05, clusters=4, earlier=(url,))
    outputs = run_stage(DedupSemantic(settings, store), by_shard(batch, range(65), 9))
    gone = {row["source_row"]: row["value"] for row in outputs.rejected}
    assert set(gone) == set(range(10, 30))  # the old run did not keep the others
    for row, value in gone.items():
        survivor, cosine = value.removesuffix(" in an earlier run").split(" at ")
        assert value.endswith(" in an earlier run")
        assert survivor == uids[row]
        assert 0.95 < float(cosine) < 1


@pytest.mark.parametrize("survivor", ["farthest", "nearest", "best_similarity", "lowest_uid"])
def test_an_earlier_image_stays_whatever_the_rule(run_stage, scored, store, earlier, survivor):
    one = np.ones(DIMENSION)
    near = one + 0.05 * np.eye(1, DIMENSION)[0]
    url, uids = earlier([one, near, one, near], kept=[0, 1, 2, 3])
    batch = scored([one] * 40 + [near] * 40)
    settings = DedupSemanticSettings(survivor=survivor, earlier=(url,))
    outputs = run_stage(
        DedupSemantic(settings, store, buffer_bytes=250), [batch.slice(start, 10) for start in range(0, 80, 10)]
    )
    assert outputs.kept == []
    # Each goes for the copy of its own vector, under the lower of the two uids that the old run has of it.
    expected = {f"{min(uids[place], uids[place + 2])} at 1.0000 in an earlier run" for place in (0, 1)}
    assert {row["value"] for row in outputs.rejected} == expected


def test_earlier_runs_change_nothing_among_others(run_stage, scored, store, earlier):
    batch = scored(planted(30, 8, noise=0.12)[0])
    settings = DedupSemanticSettings(epsilon=0.02, clusters=5)
    alone = run_stage(DedupSemantic(settings, store), [batch])
    url, _ = earlier(planted(30, 1, seed=9)[0], kept=[*range(30)])
    beside = run_stage(DedupSemantic(settings.model_copy(update={"earlier": (url,)}), store), [batch])
    assert 30 < len(alone.rejected) < 230
    assert sorted(row["value"] for row in beside.rejected) == sorted(row["value"] for row in alone.rejected)


def test_an_earlier_folder_that_will_not_do(store, earlier, tmp_path):
    def use(place):
        DedupSemantic(DedupSemanticSettings(earlier=(place,)), store)

    with pytest.raises(InputError, match="has no shards; name a finished run folder"):
        use(str(tmp_path / "nothing"))
    url, _ = earlier(np.ones((4, DIMENSION)), kept=[0], fingerprint="ffff0000" * 8, name="other")
    with pytest.raises(InputError, match=r"has no embeddings of 'm' \(fingerprint 0123abcd\); it has other-ffff0000"):
        use(url)


def test_damaged_embeddings_of_an_earlier_run_stop_this_one(run_stage, scored, store, earlier):
    url, _ = earlier(np.eye(4, DIMENSION), kept=[*range(4)])
    folder = RunFolder(url)
    (model,) = folder.folders("staging/scores")
    path = f"staging/scores/{model}/img_emb/img_emb_00001_0000.npy"
    content = bytearray(folder.open(path).read())
    content[-1] ^= 1
    folder.write(path, bytes(content))
    stage = DedupSemantic(DedupSemanticSettings(earlier=(url,)), store)
    with pytest.raises(RunFolderError, match=r"img_emb_00001_0000\.npy is damaged: .* run .*/earlier again"):
        run_stage(stage, [scored(np.eye(2, DIMENSION))])
    assert len(ScoreStore(folder, "another_name", "0123abcd" * 8).scores(1)) == 2
