import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.cli.main import main
from babelsift.schemas.concepts import CONCEPT_SCHEMA

BEFORE = [5000, 40, 9, 0, 3, 2]
AFTER = [900, 38, 9, 0, 1, 0]


@pytest.fixture
def run(tmp_path):
    (tmp_path / "funnel.json").write_text("{}")
    (tmp_path / "concepts").mkdir()
    for name, text in (("en", "thing"), ("zh", "东西")):
        columns = {
            "entry": pa.array(range(6), pa.int32()),
            "text": pa.array([f"{text} {number}" for number in range(6)]),
            "before": pa.array(BEFORE, pa.int64()),
            "after": pa.array(AFTER, pa.int64()),
        }
        pq.write_table(pa.table(columns, schema=CONCEPT_SCHEMA), tmp_path / "concepts" / f"{name}.parquet")
    return str(tmp_path)


def test_the_distribution_the_head_and_the_tail(run, capsys):
    assert main(["concepts", run, "--language", "en", "--fewer-than", "10", "--most", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["en"]
    en = found["en"]
    assert (en["entries"], en["matches"], en["half"]) == (6, [5054, 948], [1, 1])
    assert (en["tail_size"], en["unmatched"], en["lost"]) == (2, 2, 1)
    assert [one["text"] for one in en["head"]] == ["thing 0", "thing 1"]
    assert [(one["text"], one["after"]) for one in en["tail"]] == [("thing 4", 1), ("thing 2", 9)]
    steps = {(one["from"], one["below"]): (one["before"], one["after"]) for one in en["distribution"]}
    assert steps == {(0, 1): (1, 2), (1, 10): (3, 2), (10, 100): (1, 1), (100, 1000): (0, 1), (1000, 10000): (1, 0)}


def test_the_table_for_people(run, capsys):
    assert main(["concepts", run]) == 0
    text = capsys.readouterr().out
    assert "en: 6 concepts, 5,054 matches before, 948 after" in text
    assert "1,000 to 9,999" in text
    assert "2 concepts have fewer than 10 pairs after, 2 more have none" in text
    assert "东西 4" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--language", "fr"], "no concepts of 'fr'; there are lists for en, zh")],
)
def test_a_list_that_is_not_there_is_named(run, capsys, arguments, message):
    assert main(["concepts", run, *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_run_without_concepts_says_what_to_do(tmp_path, capsys):
    assert main(["concepts", str(tmp_path)]) == 2
    assert "no complete run is there" in capsys.readouterr().err
    (tmp_path / "funnel.json").write_text("{}")
    assert main(["concepts", str(tmp_path)]) == 2
    assert "counted no concepts" in capsys.readouterr().err


def test_a_damaged_file_is_named(run, tmp_path, capsys):
    (tmp_path / "concepts" / "en.parquet").write_bytes(b"no parquet")
    assert main(["concepts", run]) == 2
    assert "en.parquet" in capsys.readouterr().err
