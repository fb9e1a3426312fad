import json

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.filters.concepts import entry_draws
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.balance import BalanceConcepts, CountConcepts, WriteConcepts
from babelsift.schemas import RecipeError, parse_recipe
from babelsift.schemas.recipe import BalanceSettings, ConceptSettings


@pytest.fixture
def lists(tmp_path):
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "en.json").write_text(json.dumps([f"thing {number}" for number in range(30)]))
    (folder / "default.txt").write_text("chose\nDing\n")
    return ConceptSettings(entries=str(folder))


def matched(image_rows, rows=600):
    rng = np.random.default_rng(0)
    languages = rng.choice(["en", "fr", "de"], rows, p=[0.8, 0.1, 0.1]).tolist()
    entries = [
        sorted(set((rng.zipf(1.5, 3) - 1).clip(max=29).tolist())) if language == "en" else [int(rng.integers(2))]
        for language in languages
    ]
    return image_rows(rows, language=languages, matched_entries=pa.array(entries, pa.list_(pa.int32())))


def test_pairs_are_drawn_as_one_process_would_draw_them(run_stage, image_rows, lists):
    batch = matched(image_rows)
    parts = [batch.slice(start, 70) for start in range(0, 600, 70)]
    outputs = run_stage(BalanceConcepts(BalanceSettings(threshold=20), lists, 3), parts)
    rows = batch.to_pylist()
    counts = {}
    for row in rows:
        for entry in row["matched_entries"]:
            key = (row["language"] == "en", entry)
            counts[key] = counts.get(key, 0) + 1
    expected = {
        row["source_row"]
        for row in rows
        if any(
            entry_draws(pa.array([row["uid"]]), np.array([entry]), 3)[0]
            < 20 / max(20, counts[row["language"] == "en", entry])
            for entry in row["matched_entries"]
        )
    }
    assert {row["source_row"] for row in outputs.kept} == expected
    assert 100 < len(expected) < 400
    gone = outputs.rejected[0]
    assert (gone["stage"], gone["reason"]) == ("balance", "concepts_too_frequent")
    assert 0 < float(gone["value"]) < 1
    assert outputs.counters["balance.in_rows"] == 600 == len(outputs.kept) + len(outputs.rejected)


def test_without_settings_all_pass_metadata_or_not(run_stage, image_rows, lists):
    batch = matched(image_rows, 30)
    for metadata in (None, lists):
        outputs = run_stage(BalanceConcepts(None, metadata, 0), [batch])
        assert outputs.kept == batch.to_pylist()
        assert outputs.counters["balance.out_rows"] == 30


def test_concepts_are_written_with_both_counts_and_those_that_nothing_matches(image_rows, lists, tmp_path):
    batch = matched(image_rows)
    folder = RunFolder(str(tmp_path / "run"))
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        make = beam.Create([batch.slice(0, 200), batch.slice(200)], reshuffle=False).with_output_types(pa.RecordBatch)
        few = beam.Create([batch.slice(0, 10)], reshuffle=False).with_output_types(pa.RecordBatch)
        before = pipeline | "Make" >> make | "Before" >> CountConcepts(lists)
        after = pipeline | "Few" >> few | "After" >> CountConcepts(lists)
        _ = {"before": before, "after": after} | WriteConcepts(folder, lists)
    assert folder.list("concepts") == ["default.parquet", "en.parquet"]
    english = pq.read_table(tmp_path / "run" / "concepts" / "en.parquet").to_pylist()
    assert [row["text"] for row in english] == [f"thing {number}" for number in range(30)]
    rows = [row for row in batch.to_pylist() if row["language"] == "en"]
    for number in range(30):
        assert english[number]["before"] == sum(number in row["matched_entries"] for row in rows)
    assert sum(row["after"] for row in english) < 40
    others = pq.read_table(tmp_path / "run" / "concepts" / "default.parquet").to_pylist()
    assert sum(row["before"] for row in others) == 600 - len(rows)


def test_balance_without_metadata_is_refused():
    with pytest.raises(RecipeError, match="balance needs the concepts that captions match"):
        parse_recipe("name: a\nbalance: {threshold: 5}", source="x")
