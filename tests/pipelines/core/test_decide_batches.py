import threading

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.pipelines.core import decide_batches
from babelsift.pipelines.core.decide_batches import DecideBatches, Verdict
from babelsift.pipelines.core.runners.run_job import run_job
from babelsift.pipelines.core.stage_outputs import REJECTED, kept_and_rejected
from babelsift.schemas import LEDGER_SCHEMA, InputError, Stage

_BATCHES = 9
_MET = threading.Barrier(2)
_SEEN: dict[str, list[int]] = {}


def batch_of(number: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"number": [number] * 3})


def empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


class Meet(DecideBatches):
    """Batches are decided by two threads at once, or not at all: the first two wait for each other."""

    def __init__(self):
        super().__init__(Stage.RULES, "meet")

    def decide(self, batch):
        if batch.column("number")[0].as_py() < 2:
            _MET.wait(timeout=60)
        return Verdict(batch, empty(LEDGER_SCHEMA))


class Fail(DecideBatches):
    def __init__(self):
        super().__init__(Stage.RULES, "fail")

    def decide(self, batch):
        if batch.column("number")[0].as_py() == 4:
            raise InputError("the fourth cannot be decided")
        return Verdict(batch, empty(LEDGER_SCHEMA))


class Job(beam.PTransform):
    def __init__(self, step):
        super().__init__()
        self._step = step

    def expand(self, pbegin):
        batches = (
            pbegin
            | beam.Create(range(_BATCHES), reshuffle=False)
            | beam.Map(batch_of).with_output_types(pa.RecordBatch)
        )
        decided = batches | "Decide" >> kept_and_rejected(beam.ParDo(self._step))
        _ = decided[REJECTED] | "Drop" >> beam.FlatMap(lambda _: ())
        return decided.kept | "See" >> beam.Map(see)


def see(batch: pa.RecordBatch) -> None:
    _SEEN.setdefault("numbers", []).append(batch.column("number")[0].as_py())


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    _SEEN.clear()
    monkeypatch.setattr(decide_batches, "usable_cores", lambda: 2)


def test_batches_are_decided_at_once_and_emitted_in_their_order():
    run_job(Job(Meet()), "Job", PipelineOptions([]))
    assert _SEEN["numbers"] == list(range(_BATCHES))


def test_what_a_thread_raises_ends_the_run_as_itself():
    with pytest.raises(InputError, match="the fourth cannot be decided"):
        run_job(Job(Fail()), "Job", PipelineOptions([]))


def test_with_one_core_each_is_decided_where_it_comes(monkeypatch):
    monkeypatch.setattr(decide_batches, "usable_cores", lambda: 1)
    run_job(Job(Threads()), "Job", PipelineOptions([]))
    assert set(_SEEN["threads"]) == {threading.get_ident()}


class Threads(DecideBatches):
    def __init__(self):
        super().__init__(Stage.RULES, "look")

    def decide(self, batch):
        _SEEN.setdefault("threads", []).append(threading.get_ident())
        return Verdict(batch, empty(LEDGER_SCHEMA))
