"""Conditions on strings and lists, and by language."""

import pyarrow as pa
import pytest

from babelsift.filters.selection import can_meet, meets_condition, reject_by_condition
from babelsift.schemas import ColumnReason, Decision, RecipeError, recipe_from
from babelsift.schemas.recipe import Condition

WORDS = pa.array(["a", "b", None, ""])
LISTS = pa.array([["a", "b"], ["b"], [], None, ["c", None]])


def condition(**settings):
    groups = {"select": {"conditions": {"x": settings}}}
    return recipe_from({"name": "mine", **groups}, source="test").select.conditions["x"]


@pytest.mark.parametrize(
    ("values", "settings", "met"),
    [
        (WORDS, {"in": ["a", ""]}, [True, False, False, True]),
        (WORDS, {"not_in": ["a"]}, [False, True, False, True]),
        (WORDS, {"not_in": ["a"], "keep_null": True}, [False, True, True, True]),
        (WORDS.dictionary_encode(), {"in": ["b"]}, [False, True, False, False]),
        (WORDS.cast(pa.large_string()), {"any_of": ["b"]}, [False, True, False, False]),
        (LISTS, {"any_of": ["a", "c"]}, [True, False, False, False, True]),
        (LISTS, {"in": ["a", "b"]}, [True, True, True, False, False]),
        (LISTS, {"not_in": ["a"]}, [False, True, True, False, True]),
        (LISTS[1:], {"any_of": ["b"]}, [True, False, False, False]),
        (pa.array([1, 2, None]), {"in": [2, "x"]}, [False, True, False]),
        (pa.array([True, False]), {"in": [True]}, [True, False]),
        (pa.nulls(2), {"in": ["a"]}, [False, False]),
        (pa.array([1, 2], pa.int8()), {"in": [2, 300]}, [False, True]),
        (pa.array([2**60, 2**60 + 1]), {"in": [2**60 + 1]}, [False, True]),
    ],
)
def test_values_in_lists(values, settings, met):
    assert can_meet(values.type, condition(**settings))
    assert meets_condition(values, condition(**settings)).tolist() == met


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        (pa.string(), {"min": 1}, False),
        (pa.float32(), {"in": ["a"]}, False),
        (pa.int64(), {"in": [1]}, True),
        (pa.int64(), {"in": ["115"]}, False),
        (pa.int64(), {"in": ["115", 115]}, True),
        (pa.int64(), {"not_in": [1.5]}, False),
        (pa.int64(), {"any_of": [True]}, False),
        (pa.int64(), {"in": {"en": [1], "de": ["x"]}}, False),
        (pa.uint8(), {"in": [300, -1]}, False),
        (pa.bool_(), {"in": [1]}, False),
        (pa.bool_(), {"in": ["true"]}, False),
        (pa.bool_(), {"in": [True]}, True),
        (pa.string(), {"any_of": [1]}, False),
        (pa.dictionary(pa.int32(), pa.string()), {"in": [1]}, False),
        (pa.list_(pa.string()), {"any_of": [1]}, False),
        (pa.list_(pa.string()), {"any_of": ["a"]}, True),
    ],
)
def test_what_a_condition_can_compare(kind, settings, said):
    assert can_meet(kind, condition(**settings)) is said


def test_by_language_each_row_meets_its_own():
    batch = pa.record_batch({"x": [0.2, 0.4, 0.6, None], "language": ["en", "de", "fr", "fr"]})
    decision = Decision.keep_all(4)
    reject_by_condition(batch, "x", condition(min={"en": 0.1, "de": 0.5}), decision, ColumnReason("x"))
    assert decision.kept.tolist() == [True, False, True, True]  # nothing is asked in French
    assert (decision.reasons[1].value, decision.values[1], decision.thresholds[1]) == ("x_not_met", "x 0.4", "x >= 0.5")
    reject_by_condition(batch, "x", condition(min={"default": 0.7}), decision)
    assert decision.kept.tolist() == [False] * 4


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"min": 1, "in": ["a"]}, "compares numbers .* or values"),
        ({"keep_null": True}, "a condition needs one of"),
        ({"min": {"en": 2}, "max": {"en": 1}}, "no value is both >= 2, <= 1"),
        ({"min": {"english": 2}}, "english"),
        ({"isin": ["a"]}, "unknown setting 'select.conditions.x.isin'"),
        ({"at": "end"}, "at"),
    ],
)
def test_what_is_no_condition_is_said(settings, said):
    with pytest.raises(RecipeError, match=said):
        condition(**settings)


def test_integers_are_compared_and_shown_with_all_their_digits():
    batch = pa.record_batch({"x": [2**60 + difference for difference in range(7)]})
    decision = Decision.keep_all(7)
    reject_by_condition(batch, "x", condition(min=2**60 + 4), decision)
    assert decision.kept.tolist() == [False] * 4 + [True] * 3
    shown = decision.values[3], decision.thresholds[3]
    assert shown == ("x 1152921504606846979", "x >= 1152921504606846980")


@pytest.mark.parametrize("bound", [2**53 + 1, 2**64 - 1, -(2**60) - 1, 5, 2**60, 0.5])
def test_a_bound_is_read_and_written_exactly(bound):
    wanted = condition(min=bound, max={"en": bound})
    for mode in ("json", "python"):
        assert wanted.model_dump(mode=mode)["min"] == bound
    assert Condition.model_validate_json(wanted.model_dump_json()) == wanted
    assert wanted.max == {"en": bound}
    assert isinstance(wanted.min, int) == (float(bound) != bound)  # others are written as they always were


def test_bounds_that_no_double_tells_apart_contradict_one_another():
    with pytest.raises(RecipeError, match="no value is both >= 9007199254740993, <= 9007199254740992"):
        condition(min=2**53 + 1, max=2**53)


def test_a_condition_is_written_as_it_was_read_and_older_ones_as_they_were():
    assert condition(**{"in": ["a"], "at": "select"}).model_dump(mode="json")["in"] == ["a"]
    assert list(Condition(min=1).model_dump(mode="json")) == ["min", "max", "above", "below", "keep_null"]
