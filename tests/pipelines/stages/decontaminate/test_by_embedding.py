import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.filters.clip import result_schema
from babelsift.pipelines.cli.main import main
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.decontaminate.by_embedding import DecontaminateEmbeddings
from babelsift.pipelines.stages.decontaminate.evaluation_embeddings import (
    MODEL_KEY,
    plan_embeddings,
    read_evaluation_embeddings,
)
from babelsift.pipelines.stages.score.models import load_scorer
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import InputError, RecipeError, recipe_from
from babelsift.schemas.recipe import ClipModel, DecontaminateSettings


@pytest.fixture
def store(tmp_path):
    return ScoreStore(RunFolder(str(tmp_path / "run")), "m", "0123abcd" * 8)


def vectors(count, seed=0, dimension=16):
    found = np.random.default_rng(seed).normal(size=(count, dimension))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


def column(matrix):
    return pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), matrix.shape[1])


@pytest.fixture
def scored(store, image_rows):
    def make(matrix, similarities=None):
        similarities = pa.array(similarities or [0.3] * len(matrix), pa.float32())
        batch = image_rows(len(matrix), similarity_m=similarities)
        errors = pa.nulls(len(matrix), pa.string())
        results = [similarities, errors, column(matrix), column(matrix)]
        store.add(0, batch, pa.RecordBatch.from_arrays(results, schema=result_schema(matrix.shape[1])))
        return batch

    return make


def table_of(path, matrix, model=None):
    table = pa.table({"name": [f"set/{row}.jpg" for row in range(len(matrix))], "embedding": column(matrix)})
    pq.write_table(table.replace_schema_metadata({MODEL_KEY: model} if model else None), path)
    return str(path)


def settings(*embeddings, min_cosine=0.9):
    return DecontaminateSettings(embeddings=embeddings, min_cosine=min_cosine)


def test_images_near_to_an_evaluation_image_go_with_its_name(run_stage, scored, store, tmp_path):
    own, others = vectors(6), vectors(4, seed=1)
    near = own[2].astype(np.float64) + 0.01
    path = table_of(tmp_path / "eval.parquet", np.concatenate([others, [near]]).astype(np.float16), store.fingerprint)
    outputs = run_stage(DecontaminateEmbeddings(settings(path), store), [scored(own)])
    [gone] = outputs.rejected
    assert (gone["source_row"], gone["stage"], gone["reason"]) == (2, "decontaminate_embeddings", "evaluation_image")
    name, cosine = gone["value"].split(" at ")
    assert name == "set/4.jpg"
    assert 0.9 < float(cosine) < 1
    assert gone["threshold"] == "0.9"
    assert outputs.counters["decontaminate_embeddings.in_rows"] == 6


def test_arrays_are_named_by_file_and_row(run_stage, scored, store, tmp_path):
    own = vectors(3)
    np.save(tmp_path / "eval.npy", own[[2, 0]].astype(np.float32))
    outputs = run_stage(DecontaminateEmbeddings(settings(str(tmp_path / "*.npy")), store), [scored(own)])
    assert {row["source_row"]: row["value"] for row in outputs.rejected} == {
        0: "eval.npy#1 at 1.0000", 2: "eval.npy#0 at 1.0000",
    }  # fmt: skip


def test_pairs_of_another_model_are_not_compared(run_stage, scored, store, tmp_path):
    np.save(tmp_path / "eval.npy", vectors(2))
    batch = scored(vectors(2), similarities=[None, 0.3])
    assert run_stage(DecontaminateEmbeddings(settings(str(tmp_path / "eval.npy")), store), [batch]).fates() == {
        0: None, 1: "evaluation_image",
    }  # fmt: skip


def test_without_a_cosine_all_pass(run_stage, image_rows):
    assert len(run_stage(DecontaminateEmbeddings(DecontaminateSettings()), [image_rows(3)]).kept) == 3


def test_what_cannot_be_compared_is_said_before_the_run(store, tmp_path):
    with pytest.raises(InputError, match=r"has no .parquet or .npy of embeddings"):
        DecontaminateEmbeddings(settings(str(tmp_path / "nothing*")), store)
    other = table_of(tmp_path / "other.parquet", vectors(2), "ff" * 32)
    with pytest.raises(InputError, match=r"other.parquet holds embeddings of another model \(ffffffff\)"):
        plan_embeddings([other], store.fingerprint)
    pq.write_table(pa.table({"name": ["a"]}), tmp_path / "hashes.parquet")
    with pytest.raises(InputError, match=r"hashes.parquet has no columns `name` and `embedding`"):
        plan_embeddings([str(tmp_path / "hashes.parquet")])
    (tmp_path / "broken.npy").write_bytes(b"no array")
    with pytest.raises(InputError, match=r"broken.npy cannot be read: .*; write it with"):
        read_evaluation_embeddings([str(tmp_path / "broken.npy")])
    paths = [table_of(tmp_path / f"{size}.parquet", vectors(2, dimension=size)) for size in (8, 16)]
    with pytest.raises(InputError, match=r"16.parquet has embeddings of 16 numbers, .*8.parquet of 8"):
        read_evaluation_embeddings(paths)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"min_cosine": 0.9}, "min_cosine and embeddings need one another"),
        ({"embeddings": ["x.npy"]}, "min_cosine and embeddings need one another"),
        ({"embeddings": ["x.npy"], "min_cosine": 0.9}, "decontaminate needs the embeddings of a clip model"),
    ],
)
def test_half_a_setting_is_refused(group, message):
    with pytest.raises(RecipeError, match=message):
        recipe_from({"name": "mine", "decontaminate": group}, source="mine.yaml")


def test_hash_writes_embeddings_of_a_model(tmp_path, capsys):
    image = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    body = cv2.imencode(".png", image)[1].tobytes()
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "one.png").write_bytes(body)
    output = tmp_path / "eval.parquet"
    arguments = ["hash", str(tmp_path / "eval"), "--output", str(output), "--model", "babelsift-demo"]
    assert main([*arguments, "--precision", "fp32"]) == 0
    assert "1 images hashed" in capsys.readouterr().out
    scorer = load_scorer(ClipModel(model="babelsift-demo", precision="fp32"))
    assert plan_embeddings([str(output)], scorer.fingerprint) == (str(output),)
    found = read_evaluation_embeddings([str(output)])
    expected = scorer.score([body], ["another caption"], embeddings=True).column("image_embedding")[0].as_py()
    assert found.names == ["eval/one.png"]
    assert found.vectors[0].tolist() == expected
    assert main(["hash", str(output), "--output", str(tmp_path / "again.parquet"), "--model", "babelsift-demo"]) == 2
    assert "name the images" in capsys.readouterr().err
