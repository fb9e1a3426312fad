import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.selection import BIN_WIDTH, bins_of, histogram_of, lower_edge, merge, top_fraction_bin

SCORES = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=60)


@given(SCORES, st.floats(0.01, 1))
def test_the_cut_is_datacomps_to_one_bin(scores, fraction):
    descending = sorted(scores, reverse=True)
    index = min(int(len(scores) * fraction), len(scores) - 1)
    exact = descending[index]
    lowest = top_fraction_bin(histogram_of(np.array(scores)), fraction)
    assert lower_edge(lowest) - 1e-9 <= exact < lower_edge(lowest) + BIN_WIDTH + 1e-9


@given(SCORES, st.integers(0, 60))
def test_parts_merge_to_the_whole(scores, cut):
    parts = [histogram_of(np.array(part)) for part in (scores[:cut], scores[cut:]) if part]
    assert merge(parts) == histogram_of(np.array(scores))


@given(SCORES, st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_greater_fraction_never_raises_the_cut(scores, one, other):
    histogram = histogram_of(np.array(scores))
    small, great = sorted((one, other))
    assert top_fraction_bin(histogram, great) <= top_fraction_bin(histogram, small)


def test_everything_is_kept_at_a_fraction_of_one():
    scores = np.array([0.1, 0.2, -0.9])
    assert (bins_of(scores) >= top_fraction_bin(histogram_of(scores), 1.0)).all()


def test_no_rows_have_no_top():
    with pytest.raises(ValueError, match="no rows"):
        top_fraction_bin({}, 0.3)


@pytest.mark.parametrize("exponent", [3, 12, 15, 30, 38])
def test_values_far_away_are_ordered_or_together_and_none_is_turned_round(exponent):
    scores = np.array([-1, -0.5, 0, 0.5, 1], np.float32) * np.float32(10.0**exponent)
    bins = bins_of(scores)
    assert (np.diff(bins) >= 0).all()
    assert bins[0] < bins[2] < bins[-1]
    assert top_fraction_bin(histogram_of(scores), 0.3) == bins[3]
