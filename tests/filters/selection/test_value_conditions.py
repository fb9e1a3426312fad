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
        (pa.array(["1", "2"]), {"in": [1]}, [False, False]),
        (pa.nulls(2), {"in": ["a"]}, [False, False]),
        (WORDS, {"in": []}, [False, False, False, False]),
    ],
)
def test_values_in_lists(values, settings, met):
    assert can_meet(values.type, condition(**settings))
    assert meets_condition(values, condition(**settings)).tolist() == met


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [(pa.string(), {"min": 1}, False), (pa.float32(), {"in": ["a"]}, False), (pa.int64(), {"in": [1]}, True)],
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


def test_a_condition_is_written_as_it_was_read_and_older_ones_as_they_were():
    assert condition(**{"in": ["a"], "at": "select"}).model_dump(mode="json")["in"] == ["a"]
    assert list(Condition(min=1).model_dump(mode="json")) == ["min", "max", "above", "below", "keep_null"]
