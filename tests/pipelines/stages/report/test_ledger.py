import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.report.ledger import WriteLedger
from babelsift.schemas import Stage, ledger_rows


def ledger(batch):
    rows = len(batch)
    return ledger_rows(
        batch, stage=Stage.RULES, reasons=["too_few_words"] * rows, values=["1"] * rows, thresholds=["2"] * rows
    )


def write(folder, batches, partitions, **runner):
    with beam.Pipeline(runner=FnApiRunner(**runner)) as pipeline:
        rows = pipeline | beam.Create(batches, reshuffle=False).with_output_types(pa.RecordBatch)
        _ = rows | WriteLedger(folder, partitions)


def test_every_row_is_in_one_file_and_a_retry_writes_it_once(tmp_path, read_rows):
    batches = [ledger(read_rows(30, first_row=30 * part)) for part in range(4)]
    one, other = RunFolder(str(tmp_path / "one")), RunFolder(str(tmp_path / "other"))
    write(one, batches, 3)
    write(other, batches[::-1], 3, bundle_repeat=1)
    names = one.list("rejects")
    assert names == other.list("rejects") == ["00000.parquet", "00001.parquet", "00002.parquet"]
    tables = [pq.read_table(one.path("rejects", name)) for name in names]
    assert sorted(row for table in tables for row in table.column("source_row").to_pylist()) == list(range(120))
    for name, table in zip(names, tables, strict=True):
        assert pq.read_table(other.path("rejects", name)).equals(table)
        assert table.column("uid").to_pylist() == sorted(table.column("uid").to_pylist())


def test_rows_without_a_uid_have_a_place_too(tmp_path, read_rows):
    batch = ledger(read_rows(5))
    batch = batch.set_column(0, "uid", pa.nulls(5, pa.string())).cast(batch.schema)
    folder = RunFolder(str(tmp_path))
    write(folder, [batch], 2)
    counts = [pq.read_table(folder.path("rejects", name)).num_rows for name in folder.list("rejects")]
    assert sum(counts) == 5
