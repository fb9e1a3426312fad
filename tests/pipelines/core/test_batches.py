"""What crosses a shuffle: batches whole and small, and every stage's outputs by that coder."""

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.pipeline import PipelineVisitor
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.pipelines.core.batches import RecordBatchCoder
from babelsift.pipelines.core.stage_outputs import REJECTED
from babelsift.pipelines.stages.select.select_pairs import SelectPairs
from babelsift.schemas import score_schema
from babelsift.schemas.recipe import SelectSettings

_BATCH = pa.record_batch(
    {
        "caption": pa.array(["一只猫", None, "Ein Hund"] * 100),
        "score": pa.array(np.linspace(0, 1, 300), pa.float32()),
        "host": pa.array(["a.org", "b.org", "a.org"] * 100).dictionary_encode(),
        "words": pa.array([["a"], [], None] * 100),
    }
)


@pytest.mark.parametrize("rows", [_BATCH, _BATCH.slice(7, 11), _BATCH.slice(0, 0)], ids=["whole", "slice", "empty"])
def test_a_batch_comes_back_as_it_went(rows):
    coder = RecordBatchCoder()
    back = coder.decode(coder.encode(rows))
    assert back.equals(rows)
    assert back.schema == rows.schema


def test_a_slice_carries_nothing_of_what_it_was_cut_from():
    coder = RecordBatchCoder()
    noise = pa.record_batch({"noise": pa.array(np.random.default_rng(0).bytes(4096) for _ in range(256))})
    assert len(coder.encode(noise.slice(100, 1))) < 8192


def test_a_small_batch_of_many_columns_costs_less_than_its_schema():
    schema = score_schema(("m",))
    one = pa.RecordBatch.from_pylist([{}], schema=schema)
    assert len(RecordBatchCoder().encode(one)) < schema.serialize().size


def test_a_stage_hands_on_its_outputs_as_batches_not_as_pickles():
    found = {}

    class Outputs(PipelineVisitor):
        def visit_transform(self, transform_node):
            found.update({(transform_node.full_label, tag): output for tag, output in transform_node.outputs.items()})

    pipeline = beam.Pipeline(runner=FnApiRunner())
    batches = pipeline | beam.Create([_BATCH], reshuffle=False).with_output_types(pa.RecordBatch)
    _ = batches | SelectPairs(SelectSettings(), ("m",))
    pipeline.visit(Outputs())
    types = {tag: out.element_type for (label, tag), out in found.items() if "SelectPairs/Decide" in label}
    assert types == {None: pa.RecordBatch, REJECTED: pa.RecordBatch}
