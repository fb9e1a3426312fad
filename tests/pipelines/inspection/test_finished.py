import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import babelsift
from babelsift.pipelines.run_folder.folder import RunFolder
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
    exec(example.replace("out/mine", out), {})
    assert "too_few_words" in capsys.readouterr().out
