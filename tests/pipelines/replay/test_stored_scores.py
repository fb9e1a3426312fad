import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import save_file

from babelsift.filters.clip import prompts_fingerprint, result_schema
from babelsift.pipelines.replay.stored_scores import StoredModel, StoredScores, find_scores
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import RunFolderError
from babelsift.schemas.recipe import ClipModel, Head, Route


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path / "run"))


def describe(folder, name, fingerprint, model="ViT-B-32", pretrained="openai", precision="fp32"):
    store = ScoreStore(folder, name, fingerprint, keep_embeddings=False)
    store.describe({"model": model, "pretrained": pretrained, "precision": precision})
    return store


def test_scores_are_found_by_name_model_weights_and_precision(folder):
    describe(folder, "b32", "a" * 64, pretrained="laion2b_s34b_b79k")
    describe(folder, "b32", "b" * 64, precision="bf16")
    own = describe(folder, "b32", "c" * 64)
    describe(folder, "other", "d" * 64)
    model = ClipModel(model="ViT-B-32", pretrained="openai", name="b32", precision="fp32")
    assert [found.store.fingerprint for found in find_scores(folder, [model])] == [own.fingerprint]


def test_a_model_that_was_never_scored_is_named_with_those_that_were(folder):
    model = ClipModel(model="ViT-L-14", pretrained="openai", precision="fp32")
    with pytest.raises(
        RunFolderError, match=r"'vit_l_14' \(ViT-L-14, fp32\) was never scored there; stored: no scores"
    ):
        find_scores(folder, [model])
    describe(folder, "b32", "a" * 64)
    with pytest.raises(RunFolderError, match=r"stored: b32 \(ViT-B-32, fp32\); name one of those"):
        find_scores(folder, [model])


def test_two_sets_of_scores_of_one_model_are_not_guessed_between(folder):
    describe(folder, "b32", "a" * 64)
    describe(folder, "b32", "b" * 64, precision="bf16")
    with pytest.raises(RunFolderError, match=r"2 sets of scores are of 'b32' \(bf16, fp32\); name the precision"):
        find_scores(folder, [ClipModel(model="ViT-B-32", pretrained="openai", name="b32")])


def test_pairs_without_a_stored_score_are_told_apart_from_those_that_cannot_be_scored(run_stage, image_rows, folder):
    batch = image_rows(4, image_size=[10, 11, 12, 13])
    store = describe(folder, "m", "a" * 64)
    results = {"similarity": [0.3, None, 0.2], "error": [None, "image: broken", None]}
    store.add(0, batch.slice(0, 3), pa.RecordBatch.from_pydict(results, schema=result_schema()))
    changed = image_rows(1, first_row=2, image_size=[99])  # the image is not the one that was scored
    outputs = run_stage(
        StoredScores((StoredModel(store, "similarity_m"),)), [batch.slice(0, 2), changed, batch.slice(3)]
    )
    assert outputs.fates() == {0: None, 1: "unscorable_image", 2: "not_stored", 3: "not_stored"}
    assert outputs.kept[0]["similarity_m"] == pytest.approx(0.3)
    assert outputs.counters["score.in_rows"] == 4


def test_what_auto_came_to_is_the_scoring_machines_matter(folder):
    own = describe(folder, "b32", "a" * 64, precision="bf16")
    model = ClipModel(model="ViT-B-32", pretrained="openai", name="b32")
    assert [found.store.fingerprint for found in find_scores(folder, [model])] == [own.fingerprint]


def stored_embeddings(folder, rows, name="b32"):
    """Scores of rows with the embedding (source_row, 1)."""
    store = ScoreStore(folder, name, "a" * 64)
    store.describe({"model": "ViT-B-32", "pretrained": "openai", "precision": "fp32"})
    vectors = [np.array([row, 1], np.float16) for row in rows.column("source_row").to_pylist()]
    results = {"similarity": [0.5] * len(rows), "image_embedding": vectors, "text_embedding": vectors}
    store.add(0, rows, pa.RecordBatch.from_pydict(results | {"error": [None] * len(rows)}, schema=result_schema(2)))
    return store


def files_of(folder):
    return sorted(folder.files_under("staging"))


B32 = ClipModel(model="ViT-B-32", pretrained="openai", name="b32")


def test_pairs_that_a_route_leads_elsewhere_are_null_not_unknown(run_stage, image_rows, folder):
    rows = image_rows(3, language=["en", "de", "en"])
    store = stored_embeddings(folder, rows.slice(0, 1))
    english = StoredModel(store, "similarity_b32", Route(only=frozenset({"en"})))
    outputs = run_stage(StoredScores((english,)), [rows])
    assert outputs.fates() == {0: None, 1: None, 2: "not_stored"}
    assert [row["similarity_b32"] for row in outputs.kept] == [0.5, None]


def test_layers_are_run_on_the_stored_embeddings_and_nothing_is_written(run_stage, image_rows, folder, tmp_path):
    rows = image_rows(3)
    stored_embeddings(folder, rows.slice(0, 2))
    before = files_of(folder)
    layers = {"weight": np.array([[10, 1]], np.float32), "bias": np.zeros(1, np.float32)}
    save_file(layers, tmp_path / "head.safetensors")
    head = Head(name="ten", layers={"file": str(tmp_path / "head.safetensors")})
    outputs = run_stage(StoredScores(find_scores(folder, [B32], [head])), [rows])
    assert [row["ten"] for row in outputs.kept] == [1, 11]
    assert outputs.fates() == {0: None, 1: None, 2: "not_stored"}
    assert files_of(folder) == before


def test_a_head_of_texts_needs_scores_that_are_stored(run_stage, image_rows, folder):
    rows = image_rows(2)
    store = stored_embeddings(folder, rows)
    head = Head(name="nsfw", prompts="laion400m-nsfw")
    with pytest.raises(
        RunFolderError, match="the head 'nsfw' with these texts was never scored on 'b32' there; stored: no"
    ):
        find_scores(folder, [B32], [head])
    name = f"nsfw-{prompts_fingerprint(head.prompts)[:8]}"
    store.head_scores(0, name, lambda embeddings: embeddings[:, 0] / 4)
    outputs = run_stage(StoredScores(find_scores(folder, [B32], [head])), [rows])
    assert [row["nsfw"] for row in outputs.kept] == [0, 0.25]


def test_a_classifiers_scores_are_a_column_of_its_name(run_stage, image_rows, folder):
    rows = image_rows(2)
    store = describe(folder, "safe", "c" * 64, model="opennsfw", pretrained=None)
    results = {"similarity": [0.25, None], "error": [None, "image: broken"]}
    store.add(0, rows, pa.RecordBatch.from_pydict(results, schema=result_schema()))
    outputs = run_stage(StoredScores(find_scores(folder, [], [Head(name="safe", classifier="opennsfw")])), [rows])
    assert [row["safe"] for row in outputs.kept] == [0.25]
    assert [(row["reason"], row["value"]) for row in outputs.rejected] == [("unscorable_image", "broken")]


def test_a_part_that_is_written_anew_has_none_of_the_earlier_ones_head_scores(image_rows, folder):
    rows = image_rows(4)
    store = stored_embeddings(folder, rows.slice(0, 2))
    store.head_scores(0, "x-12345678", lambda embeddings: embeddings[:, 0])
    store.discard_chunk(0, 0)
    stored_embeddings(folder, rows.slice(2))
    found, computed = store.head_scores(0, "x-12345678", lambda embeddings: embeddings[:, 0])
    assert (sorted(found.values()), computed) == ([2, 3], 2)
