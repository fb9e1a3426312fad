"""Runs a stage's transform on rows, in process, and gives back what came out."""

from dataclasses import dataclass, field

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.filters.uids import compute_uids
from babelsift.pipelines.core.stage_outputs import REJECTED
from babelsift.schemas import DOWNLOAD_SCHEMA, LANGUAGE_SCHEMA, READ_SCHEMA
from tests.support.quick_beam import quick_beam


@pytest.fixture(scope="session", autouse=True)
def beam_is_quick():
    with quick_beam():
        yield


@dataclass
class Outputs:
    kept: list = field(default_factory=list)
    rejected: list = field(default_factory=list)
    counters: dict = field(default_factory=dict)

    def fates(self):
        """{source_row: reason or None}"""
        fates = {row["source_row"]: None for row in self.kept} | {
            row["source_row"]: row["reason"] for row in self.rejected
        }
        assert len(fates) == len(self.kept) + len(self.rejected)
        return dict(sorted(fates.items()))


_COLLECTED = {}


class _Collect(beam.DoFn):
    def __init__(self, key, name):
        self._key, self._name = key, name

    def process(self, element):
        getattr(_COLLECTED[self._key], self._name).extend(element.to_pylist())


@pytest.fixture
def run_stage(request):
    """run_stage(transform, batches, bundle_repeat=0) -> Outputs; bundle_repeat runs every bundle again."""

    def run(transform, batches, **runner_settings):
        key = request.node.nodeid
        outputs = _COLLECTED[key] = Outputs()
        pipeline = beam.Pipeline(runner=FnApiRunner(**runner_settings))
        result = pipeline | beam.Create(list(batches), reshuffle=False).with_output_types(pa.RecordBatch) | transform
        _ = result.kept | "CollectKept" >> beam.ParDo(_Collect(key, "kept"))
        _ = result[REJECTED] | "CollectRejected" >> beam.ParDo(_Collect(key, "rejected"))
        finished = pipeline.run()
        finished.wait_until_finish()
        for counter in finished.metrics().query()["counters"]:
            name = f"{counter.key.metric.namespace}.{counter.key.metric.name}"
            outputs.counters[name] = outputs.counters.get(name, 0) + counter.result
        del _COLLECTED[key]
        return outputs

    return run


_DEFAULTS = {
    "url": "http://x/{row}.jpg",
    "caption": "caption {row}",
    "source_file": "in.parquet",
    "language": "en",
    "language_score": 0.9,
    "key": "{row:09d}",
    "status": "success",
    "width": 256,
    "height": 256,
    "original_width": 512,
    "original_height": 512,
    "original_bytes": 20_000,
    "sha256": "{row:032x}{row:032x}",
    "phash_quality": 1.0,
    "staging_shard": 0,
    "image_extension": "jpg",
    "image_offset": 0,
    "image_size": 0,
    "image_crc32": None,
}


def _batch(schema, rows, first_row, extra):
    columns = {"source_row": pa.array(range(first_row, first_row + rows), pa.int64())}
    for column in schema:
        if column.name in extra:
            columns[column.name] = pa.array(extra[column.name], column.type)
        elif column.name == "phash":
            columns["phash"] = pa.array([(first_row + row).to_bytes(32, "big") for row in range(rows)], column.type)
        elif column.nullable and column.name not in _DEFAULTS:
            columns[column.name] = pa.nulls(rows, column.type)
        elif column.name in _DEFAULTS:
            value = _DEFAULTS[column.name]
            values = [value.format(row=first_row + row) if isinstance(value, str) else value for row in range(rows)]
            columns[column.name] = pa.array(values, column.type)
    if "uid" not in extra:
        columns["uid"] = compute_uids(columns["url"], columns["caption"])
    beyond = {name: pa.array(values) for name, values in extra.items() if name not in schema.names}
    full = pa.schema([*schema, *(pa.field(name, array.type) for name, array in beyond.items())])
    return pa.RecordBatch.from_arrays([(columns | beyond)[name] for name in full.names], schema=full)


@pytest.fixture
def read_rows():
    """read_rows(n, first_row=0, **columns) -> RecordBatch of READ_SCHEMA."""
    return lambda rows, first_row=0, **extra: _batch(READ_SCHEMA, rows, first_row, extra)


@pytest.fixture
def language_rows():
    """language_rows(n, first_row=0, **columns) -> RecordBatch of LANGUAGE_SCHEMA."""
    return lambda rows, first_row=0, **extra: _batch(LANGUAGE_SCHEMA, rows, first_row, extra)


@pytest.fixture
def image_rows():
    """image_rows(n, first_row=0, **columns) -> RecordBatch of DOWNLOAD_SCHEMA."""
    return lambda rows, first_row=0, **extra: _batch(DOWNLOAD_SCHEMA, rows, first_row, extra)
