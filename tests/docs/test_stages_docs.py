"""docs/stages.md: its table has every stage, its transforms are there, its examples run, its figures are right."""

import ast
import importlib
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.schemas import Stage
from babelsift.schemas.recipe import NearCaptions
from tests.support.hostile_web import encoded, photo

PAGE = (Path(__file__).parents[2] / "docs" / "stages.md").read_text()
TABLE = re.findall(r"^\| (\w+) \| (`babelsift.*) \|.*\|$", PAGE, re.MULTILINE)
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_stage_is_in_the_table_in_the_order_of_the_data():
    stages = [stage for stage, _ in TABLE]
    assert list(dict.fromkeys(stages)) == [*(stage.value for stage in Stage), "report"]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"babelsift(?:\.\w+)+", PAGE))))
def test_what_the_page_names_is_there(path):
    module, _, name = path.rpartition(".")
    if not hasattr(importlib.import_module(module), name):
        importlib.import_module(path)


def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    captions = ["a black cat on a sofa", "a black cat on a sofa", "one two", "ein Hund läuft über die Wiese", "un chat"]
    (tmp_path / "pairs").mkdir()
    urls = [f"http://example.org/{number}.jpg" for number in (1, 1, 2, 3, 4)]
    pq.write_table(pa.table({"url": urls, "caption": captions}), tmp_path / "pairs" / "0.parquet")
    (tmp_path / "entries.json").write_text(json.dumps(["cat", "sofa", "dog"]))
    (tmp_path / "cat.jpg").write_bytes(encoded(photo(1)))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    printed = []
    for example in EXAMPLES:
        exec(example, names)
        printed.append(capsys.readouterr().out)
    rows = [ast.literal_eval(line) for line in printed[0].splitlines()]
    assert sorted((row["caption"], row.get("reason")) for row in rows) == [
        ("a black cat on a sofa", None),
        ("ein Hund läuft über die Wiese", None),
        ("one two", "too_few_words"),
        ("un chat", "too_few_words"),
    ]
    assert printed[1].splitlines() == ["[0, 1]"] * 2
    assert -1 <= names["similarity"][0].as_py() <= 1


def test_the_recall_that_it_says_is_the_defaults():
    bands, rows = NearCaptions().banding
    assert f"{bands} bands of {rows} rows" in PAGE
    similarities, shares = re.findall(r"^\| (?:similarity|becomes a candidate) \|(.*)\|$", PAGE, re.MULTILINE)
    for similarity, share in zip(similarities.split("|"), shares.split("|"), strict=True):
        probability = 1 - (1 - float(similarity) ** rows) ** bands
        assert float(share.replace("%", "")) == pytest.approx(100 * probability, abs=0.06)
