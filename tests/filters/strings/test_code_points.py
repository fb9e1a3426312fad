import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters.strings import LETTER, Pattern, flatten

ROWS = st.lists(st.one_of(st.none(), st.text("aé中😀 .1", max_size=6)), max_size=6)


def points_of(rows):
    return flatten(pa.array(rows, pa.string()))


@given(ROWS, st.data())
@settings(deadline=None, max_examples=60)
def test_rows_are_taken_and_put_in_place_of_others(rows, data):
    chosen = sorted(data.draw(st.sets(st.sampled_from(range(len(rows)))))) if rows else []
    chosen = [row for row in chosen if rows[row] is not None]
    taken = points_of(rows).take(np.array(chosen, dtype=np.int64))
    assert taken.to_strings().to_pylist() == [rows[row] for row in chosen]
    others = [data.draw(st.text("xyß𝒳", max_size=5)) for _ in chosen]
    changed = points_of(rows).with_rows(np.array(chosen, dtype=np.int64), points_of(others)).to_strings().to_pylist()
    assert changed == [others[chosen.index(row)] if row in chosen else text for row, text in enumerate(rows)]


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_what_stands_before_a_mark_is_in_the_same_row(rows):
    points = points_of(rows)
    expected = [
        at + 1 < len(text) and text[at + 1].isalpha() for text in rows if text is not None for at in range(len(text))
    ]
    assert points.before(points.has(LETTER)).tolist() == expected


def test_a_pattern_finds_matches_and_replaces():
    strings = pa.array(["ein Hund 12", "", "Ünter 3 und 4", "x"], pa.large_string())
    number = Pattern(r"(?i)(\pL+) ([0-9]+)")
    assert number.matches(strings).tolist() == [True, False, True, False]
    assert number.find(strings).tolist() == ["Hund", None, "Ünter", None]
    assert number.replace(strings, "-").to_pylist() == ["ein -", "", "- -", "x"]
    assert (
        len(number.find(strings[:0])) == len(number.matches(strings[:0])) == len(number.replace(strings[:0], "")) == 0
    )
