import importlib
from decimal import Decimal
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from babelsift.filters.selection import Selector, holds_numbers, meets_condition, reject_by_condition
from babelsift.schemas import Decision
from babelsift.schemas.recipe import Condition, SelectSettings
from tests.support.without_packages import run_without

INTEGERS = [getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32, 64)]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]
DECIMALS = [pa.decimal128(9, 2), pa.decimal128(38, 10), pa.decimal256(76, 5)]
DECIMALS += [getattr(pa, name)(7, 2) for name in ("decimal32", "decimal64") if hasattr(pa, name)]
NUMBERS = [*INTEGERS, *FLOATS, *DECIMALS]
ZONES = (None, "UTC", "Europe/Berlin", "+05:30", "Nonesuch/Zone")
NO_NUMBERS = [
    pa.bool_(),
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.large_binary(),
    pa.binary_view(),
    pa.binary(3),
    pa.date32(),
    pa.date64(),
    pa.time32("s"),
    pa.time64("ns"),
    pa.month_day_nano_interval(),
    *(pa.duration(unit) for unit in ("s", "ms", "us", "ns")),
    *(pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns") for zone in ZONES),
    pa.list_(pa.int64()),
    pa.list_(pa.int64(), 2),
    pa.large_list(pa.float32()),
    pa.list_view(pa.int64()),
    pa.large_list_view(pa.int64()),
    pa.struct([("a", pa.int64())]),
    pa.map_(pa.string(), pa.int64()),
    pa.dictionary(pa.int32(), pa.string()),
    pa.run_end_encoded(pa.int32(), pa.int64()),
    pa.dense_union([pa.field("a", pa.int64())]),
]


def column_of(kind, values):
    if pa.types.is_float16(kind):
        values = [None if value is None else np.float16(value) for value in values]
    if pa.types.is_decimal(kind):
        values = [None if value is None else Decimal(value) for value in values]
    return pa.array(values, kind)


def check_every_type_of_number():
    for kind in NUMBERS:
        codes = pa.array([0, 1, 2, 3], pa.int8())
        plain = column_of(kind, [1, 2, None, 3])
        for column in (plain, pa.DictionaryArray.from_arrays(codes, plain)):
            assert holds_numbers(column.type), kind
            for condition, met in (
                (Condition(min=2), [False, True, False, True]),
                (Condition(above=2), [False, False, False, True]),
                (Condition(max=2, keep_null=True), [True, True, True, False]),
                (Condition(below=2.5), [True, True, False, False]),
            ):
                assert meets_condition(column, condition).tolist() == met, (kind, condition)


def check_every_other_type_beside_a_condition():
    settings = SelectSettings.model_validate({"conditions": {"number": {"min": 2}}})
    for kind in [*NUMBERS, *NO_NUMBERS, pa.null()]:
        batch = pa.RecordBatch.from_arrays([pa.array([1, 2]), pa.nulls(2, kind)], names=["number", "other"])
        assert Selector(settings, ()).decide(batch).kept.tolist() == [False, True], kind


def test_conditions_compare_every_type_of_number_without_pandas():
    run_without(check_every_type_of_number)


def test_conditions_pass_over_columns_of_any_type_without_pandas():
    run_without(check_every_other_type_beside_a_condition)


@pytest.mark.parametrize("kind", NO_NUMBERS, ids=str)
def test_what_is_no_number_is_not_compared(kind):
    assert not holds_numbers(kind)


def test_a_column_of_nulls_alone_meets_no_condition_unless_nulls_are_kept():
    assert holds_numbers(pa.null())
    assert meets_condition(pa.nulls(2), Condition(min=0)).tolist() == [False, False]
    assert meets_condition(pa.nulls(2), Condition(min=0, keep_null=True)).tolist() == [True, True]


@pytest.mark.parametrize("kind", FLOATS, ids=str)
def test_a_float_equal_to_its_bound_as_written_meets_it(kind):
    assert meets_condition(column_of(kind, [0.1]), Condition(min=0.1, max=0.1)).all()
    assert not meets_condition(column_of(kind, [float("nan"), None]), Condition(max=1)).any()


@pytest.mark.parametrize("kind", DECIMALS, ids=str)
def test_a_decimal_equal_to_its_bound_meets_it(kind):
    assert meets_condition(column_of(kind, ["0.10", "1234.56"]), Condition(min=0.1, max=1234.56)).all()


@pytest.mark.parametrize("kind", [pa.decimal128(38, 20), pa.decimal256(76, 20)], ids=str)
def test_decimals_that_no_double_holds_are_compared_exactly(kind):
    values = column_of(kind, ["0.29999999999999999999", "0.3", "0.30000000000000000001", "9007199254740993", None])
    assert meets_condition(values, Condition(max=0.3)).tolist() == [True, True, False, False, False]
    assert meets_condition(values, Condition(below=0.3)).tolist() == [True, False, False, False, False]
    assert meets_condition(values, Condition(above=0.3, keep_null=True)).tolist() == [False, False, True, True, True]
    assert meets_condition(values, Condition(min=2**53 + 1)).tolist() == [False, False, False, True, False]


@pytest.mark.parametrize("kind", DECIMALS, ids=str)
def test_a_bound_between_two_decimals_or_beyond_them(kind):
    values = column_of(kind, ["-100", "100", "200"])
    for bound in (100.000000001, 199.9999999):
        assert meets_condition(values, Condition(min=bound)).tolist() == [False, False, True]
        assert meets_condition(values, Condition(max=bound)).tolist() == [True, True, False]
        assert meets_condition(values, Condition(above=-99.9, below=bound)).tolist() == [False, True, False]
    for bound in (1e90, 1.7e308):
        assert meets_condition(values, Condition(above=-bound, below=bound)).all()
        assert not meets_condition(values, Condition(above=bound)).any()
        assert not meets_condition(values, Condition(max=-bound)).any()


@pytest.mark.parametrize(
    ("values", "condition", "value", "threshold"),
    [
        (pa.array([0.1 + 0.2]), Condition(max=0.3), "x 0.30000000000000004", "x <= 0.3"),
        (pa.array([0.3], pa.float32()), Condition(above=0.3), "x 0.3", "x > 0.3"),
        (pa.array([0.29999998], pa.float32()), Condition(min=0.3), "x 0.29999998", "x >= 0.3"),
        (pa.array([0.123456749]), Condition(above=0.12345675), "x 0.123456749", "x > 0.12345675"),
        (pa.array([0.25, 0.1234567]), Condition(min=0.3), "x 0.25", "x >= 0.3"),
        (pa.array([Decimal("0.30000000000000000001")]), Condition(max=0.3), "x 0.30000000000000000001", "x <= 0.3"),
        (pa.array([1234567]), Condition(below=1234567), "x 1234567", "x < 1234567"),
    ],
)
def test_the_ledger_shows_a_value_that_differs_from_its_bound(values, condition, value, threshold):
    decision = Decision.keep_all(len(values))
    reject_by_condition(pa.RecordBatch.from_arrays([values], names=["x"]), "x", condition, decision)
    assert (decision.values[0], decision.thresholds[0]) == (value, threshold)


def test_integers_that_no_double_holds_are_compared_exactly():
    values = pa.array([2**53, 2**53 + 1, 2**53 + 2])
    assert meets_condition(values, Condition(above=2.0**53)).tolist() == [False, True, True]
    assert meets_condition(values, Condition(max=2.0**53)).tolist() == [True, False, False]
    assert meets_condition(pa.array([2**64 - 1], pa.uint64()), Condition(below=2.0**64)).all()


@pytest.mark.parametrize(("bounds", "met"), [({"min": 1.5}, [2, 3]), ({"max": 1.5}, [1]), ({"above": 2}, [3])])
def test_integers_against_a_bound_between_two(bounds, met):
    values = pa.array([1, 2, 3], pa.int8())
    assert values.filter(pa.array(meets_condition(values, Condition(**bounds)))).to_pylist() == met


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint8(), pa.float16()], ids=str)
def test_a_bound_beyond_what_the_type_can_say(kind):
    values = column_of(kind, [1, 2])
    for bounds, met in (({"max": 1e9}, True), ({"min": 1e9}, False), ({"min": -1e9}, True)):
        assert meets_condition(values, Condition(**bounds)).tolist() == [met, met]


def test_a_slice_is_compared_as_the_rows_it_has():
    values = pa.array([9, 1, None, 3]).slice(1)
    assert meets_condition(values, Condition(min=2)).tolist() == [False, False, True]
    assert pc.sum(values).as_py() == 4


def check_that_pandas_is_not_there():
    assert find_spec("pandas") is None
    with pytest.raises(ImportError, match="pandas"):
        importlib.import_module("pandas")


def test_a_process_without_the_test_extra_has_no_pandas():
    run_without(check_that_pandas_is_not_there)
