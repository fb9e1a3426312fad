from collections.abc import Iterable

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.pipelines.core import batches  # noqa: F401 (registers the coder)
from babelsift.pipelines.core.parking import current_parking, temporary_folder
from babelsift.pipelines.core.runners.run_job import run_job
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import RecipeError

_BATCHES, _ROWS = 20, 2_000
_SEEN: list[tuple[str, int, int]] = []


def draw(number: int) -> pa.RecordBatch:
    """A batch that does not compress."""
    return pa.RecordBatch.from_pydict({"draw": np.random.default_rng(number).integers(0, 2**62, _ROWS)})


def keyed(batch: pa.RecordBatch) -> tuple[int, pa.RecordBatch]:
    return batch.column("draw")[0].as_py() % 3, batch


def joined(_: int, group: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(list(group)).combine_chunks().to_batches()[0]


def add_rows(batch: pa.RecordBatch, others: list[pa.RecordBatch]) -> int:
    return len(batch) + 1000 * sum(map(len, others))


def see(rows: list[int]) -> None:
    _SEEN.append((sorted(rows), current_parking().used_bytes, current_parking().peak_bytes))


class Job(beam.PTransform):
    """Shuffles every batch three times, flattens two collections, and reads one as input and as side input."""

    def expand(self, pbegin):
        drawn = pbegin | beam.Create(range(_BATCHES), reshuffle=False)
        rows = drawn | "Draw" >> beam.Map(draw).with_output_types(pa.RecordBatch)
        for step in range(3):
            pairs = rows | f"Key{step}" >> beam.Map(keyed).with_output_types(tuple[int, pa.RecordBatch])
            grouped = pairs | f"Group{step}" >> beam.GroupByKey()
            rows = grouped | f"Join{step}" >> beam.MapTuple(joined).with_output_types(pa.RecordBatch)
        more = pbegin | "More" >> beam.Create([100, 101], reshuffle=False)
        more = more | "DrawMore" >> beam.Map(draw).with_output_types(pa.RecordBatch)
        both = (rows, more) | beam.Flatten()
        counts = both | "Add" >> beam.Map(add_rows, beam.pvalue.AsList(both))
        return counts | beam.combiners.ToList() | beam.Map(see)


def test_a_job_gives_disk_back_as_its_stages_end_and_reads_what_others_flatten_and_look_up(tmp_path):
    _SEEN.clear()
    run_job(Job(), "Job", PipelineOptions([]), str(tmp_path))
    ((rows, used, peak),) = _SEEN
    everything = 1000 * (_BATCHES + 2) * _ROWS
    assert sum(rows) == (_BATCHES + 2) * _ROWS + len(rows) * everything
    one_pass = 8 * _BATCHES * _ROWS
    assert one_pass < peak < 3.5 * one_pass  # each of five passes lies there, but not until the end
    assert used < 1.5 * one_pass
    assert list(tmp_path.iterdir()) == []
    assert current_parking() is None


def test_a_folder_for_temporary_files_is_looked_at_before_a_run(tmp_path):
    with pytest.raises(RecipeError, match=r"--temp-dir .*missing: temporary files cannot be written there"):
        temporary_folder(str(tmp_path / "missing"))


def test_what_a_run_will_use_and_what_is_free_are_said(tmp_path, caplog):
    temporary_folder(str(tmp_path), rows=10).log()
    assert not caplog.records
    temporary_folder(str(tmp_path), rows=10**12).log()
    assert f"in {tmp_path}; " in caplog.text
    assert "may not be enough: name a larger disk with --temp-dir" in caplog.text


def draw_odd(number: int) -> pa.RecordBatch:
    """A batch of what is easily lost on the way: nulls, empty texts, lists, dictionaries, half a batch, no row."""
    rows = 400 * (number % 3)
    texts = [None if row % 7 == 0 else "\U0001f600" * (row % 5) for row in range(rows)]
    columns = {"number": [number] * rows, "text": texts, "list": [[text, None] for text in texts]}
    columns["label"] = pa.array(texts, pa.string()).dictionary_encode()
    return pa.RecordBatch.from_pydict(columns).slice(rows // 2)


def number_of(batch: pa.RecordBatch) -> tuple[int, pa.RecordBatch]:
    return (batch.column("number")[0].as_py() if len(batch) else 0), batch


def write(numbered: tuple[int, Iterable[pa.RecordBatch]], folder: RunFolder) -> None:
    number, group = numbered
    table = pa.Table.from_batches(sorted(group, key=len)).unify_dictionaries()
    with folder.writing(f"{number}.parquet") as file:
        pq.write_table(table, file)


class Files(beam.PTransform):
    """Shuffles batches and writes what arrives, a file a batch drawn."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self._folder = folder

    def expand(self, pbegin):
        numbers = pbegin | beam.Create(range(_BATCHES), reshuffle=False)
        drawn = numbers | "Draw" >> beam.Map(draw_odd).with_output_types(pa.RecordBatch)
        pairs = drawn | "Number" >> beam.Map(number_of).with_output_types(tuple[int, pa.RecordBatch])
        grouped = pairs | beam.GroupByKey()
        return grouped | "Write" >> beam.Map(write, self._folder)


def test_a_job_makes_the_same_bytes_whether_what_waits_is_parked_or_not(tmp_path):
    made, peak = {}, {}
    for name, options in {"parked": [], "in memory": ["--direct_running_mode=multi_threading"]}.items():
        folder = RunFolder(str(tmp_path / name))
        peak[name] = run_job(Files(folder), "Files", PipelineOptions(options), str(tmp_path))
        made[name] = {path: folder.read(path) for path in folder.files_under("")}
    assert peak["parked"] > 0
    assert peak["in memory"] == 0
    assert len(made["parked"]) > _BATCHES // 2
    assert made["parked"] == made["in memory"]
