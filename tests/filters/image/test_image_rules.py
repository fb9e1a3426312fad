from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.image import has_min_bytes, has_min_side, is_within_aspect_ratio

sides = st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 5000)), st.one_of(st.none(), st.integers(0, 5000))))


def columns(pairs: list[tuple[int | None, int | None]]) -> tuple[pa.Array, pa.Array]:
    return pa.array([w for w, _ in pairs], pa.int32()), pa.array([h for _, h in pairs], pa.int32())


def test_has_min_bytes():
    assert has_min_bytes(pa.array([4999, 5000, None, 0]), minimum=5000).to_pylist() == [False, True, False, False]
    assert has_min_bytes(pa.array([], pa.int64()), minimum=0).to_pylist() == []


def test_has_min_side():
    found = has_min_side(*columns([(200, 300), (199, 300), (300, 199), (None, 300), (300, None)]), minimum=200)
    assert found.to_pylist() == [True, False, False, False, False]


def test_is_within_aspect_ratio():
    pairs = [(300, 100), (301, 100), (100, 300), (100, 301), (100, 100), (0, 100), (None, 100), (100, None), (0, 0)]
    found = is_within_aspect_ratio(*columns(pairs), maximum=3.0)
    assert found.to_pylist() == [True, False, True, False, True, False, False, False, False]


@given(sides, st.integers(0, 5000), st.floats(1, 100))
def test_as_plain_python_would(pairs, minimum, maximum):
    by_side = has_min_side(*columns(pairs), minimum=minimum)
    by_ratio = is_within_aspect_ratio(*columns(pairs), maximum=maximum)
    assert by_side.null_count == by_ratio.null_count == 0
    known = [w is not None and h is not None for w, h in pairs]
    assert by_side.to_pylist() == [k and min(p) >= minimum for k, p in zip(known, pairs, strict=True)]
    assert by_ratio.to_pylist() == [
        k and min(p) > 0 and max(p) / min(p) <= maximum for k, p in zip(known, pairs, strict=True)
    ]


@given(sides, st.integers(0, 4999), st.floats(1, 99))
def test_monotone_and_row_by_row(pairs, minimum, maximum):
    looser = has_min_side(*columns(pairs), minimum=minimum).to_pylist()
    stricter = has_min_side(*columns(pairs), minimum=minimum + 1).to_pylist()
    assert all(a or not b for a, b in zip(looser, stricter, strict=True))
    narrow = is_within_aspect_ratio(*columns(pairs), maximum=maximum).to_pylist()
    wide = is_within_aspect_ratio(*columns(pairs), maximum=maximum + 1).to_pylist()
    assert all(a or not b for a, b in zip(wide, narrow, strict=True))
    middle = len(pairs) // 2
    halves = [is_within_aspect_ratio(*columns(half), maximum=maximum) for half in (pairs[:middle], pairs[middle:])]
    assert [*halves[0].to_pylist(), *halves[1].to_pylist()] == narrow


def test_thresholds_that_make_no_sense():
    one = pa.array([1], pa.int32())
    with pytest.raises(ValueError, match="minimum must be at least 0, found -1"):
        has_min_bytes(one, minimum=-1)
    with pytest.raises(ValueError, match="minimum must be at least 0, found -1"):
        has_min_side(one, one, minimum=-1)
    with pytest.raises(ValueError, match=r"maximum must be at least 1, found 0\.5"):
        is_within_aspect_ratio(one, one, maximum=0.5)
