import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import babelsift
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import LEDGER_SCHEMA, Funnel

UIDS = ["23f071e9" + "0" * 24, "77" + "0" * 30]


@pytest.fixture(params=["local", "memory"])
def out(request, tmp_path):
    folder = RunFolder(str(tmp_path / "run") if request.param == "local" else "memory://finished")
    row = {"url": "http://e.org/1", "caption": "a dog", "source_file": "a.csv", "source_row": 1}
    rejected = pa.Table.from_pylist(
        [row | {"uid": UIDS[0], "stage": "rules", "reason": "too_few_words"}],
        schema=pa.schema([field.with_nullable(True) for field in LEDGER_SCHEMA]),
    )
    kept = pa.Table.from_pylist([row | {"url": "http://e.org/2", "uid": UIDS[1], "key": "000000000", "language": "en"}])
    for name, table in {"rejects/00000.parquet": rejected, "shards/00000000.parquet": kept}.items():
        with folder.writing(name) as file:
            pq.write_table(table, file)
    counts = {("read", "in", ""): 2, ("read", "out", ""): 2}
    folder.write_json("funnel.json", Funnel.from_counts(counts).to_json())
    folder.write("recipe.yaml", b"name: mine\n")
    yield folder.url
    for path in folder.files_under(""):
        folder.remove(path)


def test_pairs_and_rejects_are_arrow_datasets(out):
    run = babelsift.open_run(out)
    assert run.pairs().to_table(columns=["uid", "language"]).to_pylist() == [{"uid": UIDS[1], "language": "en"}]
    of_rules = run.rejects().to_table(columns=["reason"], filter=pc.field("stage") == "rules")
    assert of_rules.to_pylist() == [{"reason": "too_few_words"}]


def test_the_funnel_and_the_fate_of_a_pair(out):
    run = babelsift.open_run(out)
    assert run.funnel.input_rows == 2
    assert run.recipe.name == "mine"
    [fate] = run.why("23f071")
    assert fate.to_json()["reason"] == "too_few_words"


def test_a_folder_without_a_finished_run_is_an_error_that_says_so(tmp_path):
    with pytest.raises(babelsift.RunFolderError, match="no complete run is there"):
        babelsift.open_run(str(tmp_path))


def test_the_pages_example_runs(out, capsys):
    page = (Path(__file__).parents[3] / "docs" / "python.md").read_text()
    [example] = [code for code in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S) if "open_run" in code]
    add_embeddings(RunFolder(out), "a", "a" * 64, 0, [1])
    exec(example.replace("out/mine", out), {})
    assert "too_few_words" in capsys.readouterr().out


def add_embeddings(folder, name, fingerprint, shard, rows, error=None):
    """Stores embeddings of some rows of UIDS; returns them."""
    vectors = np.random.default_rng(shard).normal(size=(2, len(rows), 8)).astype(np.float16)
    of_images, of_texts = (pa.FixedSizeListArray.from_arrays(pa.array(one.reshape(-1)), 8) for one in vectors)
    pairs = {"uid": [UIDS[row] for row in rows], "sha256": ["0" * 64] * len(rows), "image_size": [shard] * len(rows)}
    results = {
        "similarity": pa.array([0.1] * len(rows), pa.float32()),
        "error": pa.array([error] * len(rows), pa.string()),
        "image_embedding": of_images,
        "text_embedding": of_texts,
    }
    store = ScoreStore(folder, name, fingerprint)
    store.describe({"model": "x"})
    store.add(shard, pa.RecordBatch.from_pydict(pairs), pa.RecordBatch.from_pydict(results))
    return vectors


def test_the_embeddings_of_a_model_each_uid_once(out):
    run = babelsift.open_run(out)
    first = add_embeddings(run.folder, "a", "a" * 64, 0, [1])
    add_embeddings(run.folder, "a", "a" * 64, 2, [0, 1])  # 1 was scored again, with another image
    read = run.embeddings().read_all()
    assert read.column("uid").to_pylist() == [UIDS[1], UIDS[0]]
    assert read.schema.field("image_embedding").type == pa.list_(pa.float16(), 8)
    for column, vectors in zip(("image_embedding", "text_embedding"), first, strict=True):
        assert read.column(column)[0].as_py() == vectors[0].tolist()
    assert run.embeddings("a").read_all() == read


def test_embeddings_that_are_not_there_are_one_line(out):
    run = babelsift.open_run(out)
    with pytest.raises(babelsift.RunFolderError, match="has embeddings of no model"):
        run.embeddings()
    add_embeddings(run.folder, "vit", "a" * 64, 0, [1], error="image: broken")
    with pytest.raises(babelsift.RunFolderError, match="no pair has an embedding"):
        run.embeddings()
    with pytest.raises(babelsift.RunFolderError, match="no embeddings of a model 'vti'; did you mean 'vit'"):
        run.embeddings("vti")
    add_embeddings(run.folder, "vit", "b" * 64, 0, [1])
    with pytest.raises(babelsift.RunFolderError, match="2 models in staging/scores are called 'vit'"):
        run.embeddings("vit")
    add_embeddings(run.folder, "other", "b" * 64, 0, [1])
    with pytest.raises(babelsift.RunFolderError, match="of several models: other, vit; name one"):
        run.embeddings()
