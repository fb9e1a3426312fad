"""How columns are spread: sums that no order changes."""

import random

import pyarrow as pa
import pytest

from babelsift.filters.counting import ColumnCounts, count_values, merge_column_counts


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        (pa.array([0.12345, 0.1234, None, float("nan")]), ColumnCounts(4, 2, numbers={0.123: 2})),
        (pa.array([12345, 12345, -7, 0]), ColumnCounts(4, 0, numbers={12300.0: 2, -7.0: 1, 0.0: 1})),
        (pa.array([["a", "b"], [], None, ["a"]]), ColumnCounts(4, 1, words={"a": 2, "b": 1})),
        (pa.array([True, None, True]), ColumnCounts(3, 1, words={"True": 2})),
        (pa.array([None, None]), ColumnCounts(2, 2)),
        (pa.array(["x", "x"]).dictionary_encode(), ColumnCounts(2, 0, words={"x": 2})),
        (pa.array([], pa.float32()), ColumnCounts()),
    ],
)
def test_values_of_each_kind(values, counts):
    assert count_values(values) == counts


def test_numbers_are_counted_by_language_in_any_order():
    parts = [
        count_values(pa.array([1.0, 2.0, None]), pa.array(["en", "de", "de"])),
        count_values(pa.array([1.0, 1.0]), pa.array(["en", None])),
    ]
    sums = [merge_column_counts([{"a": one} for one in order])["a"].languages for order in (parts, parts[::-1])]
    assert sums[0] == sums[1] == {"en": {1.0: 2}, "de": {2.0: 1}}


def test_errors_are_counted_and_a_few_are_told():
    parts = [ColumnCounts(2, 2).with_errors([f"E{part}", "E0"]) for part in range(5)]
    sums = {merge_column_counts([{"a": one} for one in order])["a"].errors for order in (parts, parts[::-1])}
    assert sums == {("E0", "E1", "E2")}
    assert merge_column_counts([{"a": one} for one in parts])["a"].failed == 10


def test_the_sum_does_not_depend_on_the_order_even_where_there_are_too_many_words():
    parts = [{"a": count_values(pa.array([f"{part} {word}" for word in range(400)]))} for part in range(4)]
    sums = set()
    for seed in range(4):
        shuffled = random.Random(seed).sample(parts, len(parts))
        total = merge_column_counts([merge_column_counts(shuffled[:2]), merge_column_counts(shuffled[2:])])["a"]
        sums.add((total.rows, total.words))
    assert sums == {(1600, None)}
