import numpy as np
import pyarrow as pa
import pytest

from babelsift.schemas import LEDGER_SCHEMA, READ_SCHEMA, Decision, RejectReason, Stage


def batch(rows=4):
    return pa.RecordBatch.from_arrays(
        [
            pa.array([f"{row:032x}" for row in range(rows)]),
            pa.array([f"http://x/{row}" for row in range(rows)]),
            pa.array(["a", "bb", "", "dddd"][:rows]),
            pa.array(["in.csv"] * rows),
            pa.array(range(rows), pa.int64()),
        ],
        schema=READ_SCHEMA,
    )


def test_the_first_rejection_of_a_row_stands():
    decision = Decision.keep_all(4)
    decision.reject(
        pa.array([True, False, True, False]), RejectReason.TOO_FEW_CHARACTERS, values=pa.array([1, 2, 0, 4])
    )
    decision.reject(np.array([True, True, False, False]), RejectReason.TOO_FEW_WORDS, values=9, threshold=0.30000000001)
    kept, rejected = decision.split(batch(), Stage.RULES)
    assert kept.column("source_row").to_pylist() == [3]
    assert rejected.select(["source_row", "stage", "reason", "value", "threshold"]).to_pylist() == [
        {"source_row": 0, "stage": "rules", "reason": "too_few_characters", "value": "1", "threshold": None},
        {"source_row": 1, "stage": "rules", "reason": "too_few_words", "value": "9", "threshold": "0.3"},
        {"source_row": 2, "stage": "rules", "reason": "too_few_characters", "value": "0", "threshold": None},
    ]


@pytest.mark.parametrize(
    ("values", "threshold", "value", "shown"),
    [
        (np.array([0.27999997, 0.1], np.float32), 0.28, "0.27999997", "0.28"),
        (pa.array([0.27999997, None], pa.float32()), 0.28, "0.27999997", "0.28"),
        (pa.array([0.1 + 0.2, 1.0]), 0.3, "0.30000000000000004", "0.3"),
        (np.array([0.2812344, 0.0]), np.array([0.2812341, 0.0]), "0.2812344", "0.2812341"),
        (np.array([0.2812344, 0.0]), 0.3, "0.281234", "0.3"),
    ],
)
def test_six_digits_unless_they_do_not_tell_value_and_threshold_apart(values, threshold, value, shown):
    decision = Decision.keep_all(2)
    decision.reject(np.array([True, False]), RejectReason.SIMILARITY_TOO_LOW, values=values, threshold=threshold)
    assert (decision.values[0], decision.thresholds[0]) == (value, shown)


def test_columns_that_a_stage_does_not_have_yet_are_null_in_the_ledger():
    decision = Decision.keep_all(4)
    decision.reject(np.ones(4, dtype=bool), RejectReason.MISSING_URL)
    kept, rejected = decision.split(batch(), Stage.READ)
    assert len(kept) == 0
    assert rejected.schema == LEDGER_SCHEMA
    assert rejected.column("language").null_count == 4


def test_nothing_rejected_gives_the_batch_itself_and_no_ledger_rows():
    whole = batch()
    kept, rejected = Decision.keep_all(4).split(whole, Stage.RULES)
    assert kept is whole
    assert len(rejected) == 0
    assert rejected.schema == LEDGER_SCHEMA
