"""What a function returns, as columns."""

import numpy as np
import pyarrow as pa
import pytest

from babelsift.filters.columns import FunctionMaker, as_columns
from babelsift.filters.columns.maker import TYPES

FLOAT, WORD, COUNT, LIST = (pa.field("", TYPES[kind]) for kind in ("float", "string", "integer", "list"))


@pytest.mark.parametrize(
    ("values", "field", "columns"),
    [
        ([1, 2.5], FLOAT, [1.0, 2.5]),
        (np.array([1, np.nan]), FLOAT, [1.0, None]),
        (np.array([np.inf, -np.inf]), FLOAT, [None, None]),
        (pa.array([1.0, float("inf")], pa.float32()), FLOAT, [1.0, None]),
        (pa.chunked_array([[1], [2]]), COUNT, [1, 2]),
        (np.array([3.0, np.nan]), COUNT, [3, None]),
        ((word for word in ("a", None)), WORD, ["a", None]),
        ([[], ["a", "b"]], LIST, [[], ["a", "b"]]),
        ([None, None], WORD, [None, None]),
        ([True, False], COUNT, [1, 0]),
    ],
)
def test_values_of_any_shape_become_a_column(values, field, columns):
    made = as_columns(values, [field], 2)
    assert made.to_pydict() == {"": columns, "error": [None, None]}
    assert made.schema.types == [field.type, pa.string()]


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ([1.0], FLOAT, "1 values of 2"),
        (np.zeros((2, 2)), FLOAT, "2 dimensions"),
        (["a", "b"], FLOAT, "string were given, not of float"),
        ([1, 2], WORD, "int64 were given, not of string"),
        ([1.5, 2.0], COUNT, "are no int64"),
        ({"other": [1, 2]}, FLOAT, "no values were given of ''"),
        (None, FLOAT, "NoneType"),
    ],
)
def test_what_is_no_column_is_said(values, field, said):
    with pytest.raises((ValueError, TypeError), match=said):
        as_columns(values, [field], 2)


def test_several_fields_come_by_name():
    fields = [pa.field("a", pa.float32()), pa.field("b", pa.string())]
    made = as_columns(pa.table({"b": ["x"], "a": [1.0]}), fields, 1)
    assert made.to_pydict() == {"a": [1.0], "b": ["x"], "error": [None]}
    with pytest.raises(ValueError, match="one list of values"):
        as_columns([1.0], fields, 1)


def test_a_functions_fingerprint_is_of_its_version_and_settings():
    def made(**settings):
        return FunctionMaker(len, (FLOAT,), **{"version": "1", **settings}).fingerprint

    assert made() == made()
    assert len({made(), made(version="2"), made(settings={"side": 3})}) == 3
