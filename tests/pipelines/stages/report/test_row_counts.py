import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from babelsift.pipelines.core.runners.run_job import worker_error
from babelsift.pipelines.stages.report.row_counts import CountRows
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


def test_a_workers_error_comes_back_as_itself():
    text = (
        "Error received: Traceback ...\nschemas.errors.InputError: a.csv: breaks off; replace it [while running 'x']\n"
    )
    found = worker_error(RuntimeError(text))
    assert type(found) is InputError
    assert str(found) == "a.csv: breaks off; replace it"
    assert worker_error(RuntimeError("segfault")) is None
