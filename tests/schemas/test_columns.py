import pyarrow as pa
import pytest

from babelsift.schemas import LANGUAGE_SCHEMA, READ_SCHEMA, SchemaError, carried_name, check


def read_batch(**changes):
    columns = {
        "uid": pa.array(["0" * 32]),
        "url": pa.array(["http://x"]),
        "caption": pa.array(["a"]),
        "source_file": pa.array(["in.csv"]),
        "source_row": pa.array([0], pa.int64()),
    } | changes
    return pa.RecordBatch.from_pydict(columns)


def test_later_schemas_extend_earlier_ones():
    assert LANGUAGE_SCHEMA.names[: len(READ_SCHEMA.names)] == READ_SCHEMA.names


def test_carried_columns_are_allowed_beyond_the_schema():
    batch = read_batch(rank=pa.array([1]))
    assert check(batch, READ_SCHEMA, where="read") is batch


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (read_batch().drop_columns(["uid"]), "read: column 'uid' \\(string\\) is missing; found"),
        (read_batch(source_row=pa.array([0], pa.int32())), "'source_row' should be int64, found int32"),
        (read_batch(caption=pa.array([None], pa.string())), "'caption' has 1 nulls in 1 rows"),
    ],
)
def test_got_and_expected_are_named(batch, message):
    with pytest.raises(SchemaError, match=message):
        check(batch, READ_SCHEMA, where="read")


@pytest.mark.parametrize(
    ("name", "carried"), [("rank", "rank"), ("width", "input_width"), ("similarity_x", "input_similarity_x")]
)
def test_input_columns_do_not_take_a_stages_name(name, carried):
    assert carried_name(name) == carried
