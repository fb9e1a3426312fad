import json

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from babelsift.pipelines.core.runners import worker_error
from babelsift.pipelines.stages.report.row_counts import CountRows, SampleRows, draw_rows
from babelsift.pipelines.stages.report.write_report import checked_funnel
from babelsift.schemas import AccountingError, InputError, Stage, ledger_rows


def rejected(batch, stage=Stage.RULES, reason="too_few_words"):
    rows = len(batch)
    return ledger_rows(batch, stage=stage, reasons=[reason] * rows, values=[None] * rows, thresholds=[None] * rows)


def create(pipeline, label, batches):
    return pipeline | label >> beam.Create(batches, reshuffle=False).with_output_types(pa.RecordBatch)


def test_rows_are_counted_by_stage_outcome_and_language(read_rows, language_rows):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        counts = {
            "read": pipeline | beam.Create([(3, 4), (5, 5)], reshuffle=False),
            "kept": {
                Stage.READ: create(pipeline, "read", [read_rows(4), read_rows(5)]),
                Stage.LANGUAGE: create(pipeline, "language", [language_rows(7, language=["en"] * 4 + ["de"] * 3)]),
            },
            "rejected": create(pipeline, "rejected", [rejected(language_rows(2, language=["fi", "fi"]))]),
        } | CountRows()
        expected = {
            ("read", "source_rows", ""): 8,
            ("read", "in", ""): 9,
            ("read", "out", ""): 9,
            ("language", "in", ""): 9,
            ("language", "out", "en"): 4,
            ("language", "out", "de"): 3,
            ("shard", "in", ""): 7,
            ("rules", "too_few_words", "fi"): 2,
        }
        assert_that(counts, equal_to([expected]))


def counts_of_a_run(kept, left_out):
    stages = [stage.value for stage in Stage]
    counts = {("read", "in", ""): kept + left_out, ("read", "missing_url", ""): left_out, ("read", "out", ""): kept}
    for stage in stages[1:]:
        counts |= {(stage, "in", ""): kept} | ({(stage, "out", "en"): kept} if stage != "shard" else {})
    return counts


def test_a_run_whose_shards_and_ledger_hold_what_was_counted_passes():
    shards = [{"shard": 0, "languages": {"en": 6}}, {"shard": 1, "languages": {"en": 1}}]
    funnel = checked_funnel(counts_of_a_run(7, 3), shards, [("00000.parquet", 3)])
    assert (funnel.input_rows, funnel.kept_rows, funnel.rejected_rows) == (10, 7, 3)


@pytest.mark.parametrize(
    ("shard_rows", "ledger_rows", "message"),
    [(6, 3, "shard: 7 rows in, 6 kept"), (8, 3, "shard: 7 rows in, 8 kept"), (7, 2, "3 rows were rejected, 2 are in")],
)
def test_a_row_lost_or_doubled_on_the_way_to_disk_fails_the_run(shard_rows, ledger_rows, message):
    shards = [{"shard": 0, "languages": {"en": shard_rows}}]
    with pytest.raises(AccountingError, match=message):
        checked_funnel(counts_of_a_run(7, 3), shards, [("00000.parquet", ledger_rows)])


@pytest.fixture
def sampled(tmp_path):
    """sampled(batches, most) -> {group: source rows in the order drawn}"""

    def sample(batches, most):
        file = tmp_path / "samples.json"
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            samples = create(pipeline, "rows", batches) | SampleRows(seed=1, most=most)
            _ = samples | beam.Map(lambda by_group: file.write_text(json.dumps(by_group)) and None)
        by_group = json.loads(file.read_text())
        return {group: [row["source_row"] for _, row in rows] for group, rows in by_group.items()}

    return sample


def test_what_is_drawn_depends_on_no_order_and_no_batching(read_rows, sampled):
    rows = rejected(read_rows(50))
    others = rejected(read_rows(3, first_row=50), Stage.READ, "missing_url")
    once = sampled([rows, others], most=4)
    assert {group: len(drawn) for group, drawn in once.items()} == {"rules too_few_words": 4, "read missing_url": 3}
    assert sampled([others, *(rows.slice(start, 9) for start in range(45, -1, -9)), rows.slice(54)], most=4) == once


def test_kept_rows_are_one_group_drawn_by_the_seed(read_rows):
    drawn = [[entry[1]["source_row"] for entry in next(draw_rows(read_rows(99), seed, 5))[1]] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_workers_error_comes_back_as_itself():
    text = (
        "Error received: Traceback ...\nschemas.errors.InputError: a.csv: breaks off; replace it [while running 'x']\n"
    )
    found = worker_error(RuntimeError(text))
    assert type(found) is InputError
    assert str(found) == "a.csv: breaks off; replace it"
    assert worker_error(RuntimeError("segfault")) is None
