import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.pipelines.rendering.page.chart import Threshold, draw
from babelsift.pipelines.rendering.page.measure_view import Spread

numbers = st.dictionaries(st.floats(0.5, 1e6), st.integers(1, 50), min_size=1, max_size=40)


def bars(path):
    return re.findall(r"M([\d.]+) 100V([\d.]+)H([\d.]+)V100Z", path)


def test_bars_are_as_high_as_their_rows_and_stand_on_either_side_of_the_bound():
    chart = draw(np.array([2, 0, 4, 1]), np.array([0.0, 1, 2, 3, 4]), [Threshold(1.0, True)])
    assert bars(chart.beyond) == [("0.0", "50.0", "250.0")]
    assert bars(chart.within) == [("500.0", "0.0", "750.0"), ("750.0", "75.0", "1000.0")]
    assert [(mark.at, mark.label) for mark in chart.cuts] == [(25.0, "≥ 1")]
    assert chart.peak == 4


def test_a_scaled_axis_places_equal_ratios_equally_far_apart():
    chart = draw(np.array([1, 1]), np.array([1.0, 10, 100]), [Threshold(10.0, False)], is_scaled=True)
    assert chart.cuts[0].at == pytest.approx(50)
    assert chart.cuts[0].label == "≤ 10"
    assert {"1", "10", "100"} <= {tick.label for tick in chart.ticks}


@given(numbers, st.booleans(), st.integers(2, 60), st.lists(st.floats(0.5, 1e6), max_size=2))
def test_whatever_the_numbers_all_rows_are_drawn_within_the_box(counts, is_scaled, most, bounds):
    spread, thresholds = Spread.of(counts), [Threshold(bound, True) for bound in bounds]
    edges = spread.edges(thresholds, bars=most, is_scaled=is_scaled)
    assert np.all(np.diff(edges) > 0)
    chart = spread.chart(thresholds, edges, is_scaled=is_scaled)
    drawn = bars(chart.within) + bars(chart.beyond)
    assert drawn
    assert all(0 <= float(left) <= float(right) <= 1000 and 0 <= float(top) <= 100 for left, top, right in drawn)
    assert all(0 <= mark.at <= 100 for mark in (*chart.cuts, *chart.ticks))
    assert chart.peak <= spread.total


@given(numbers, st.floats(0, 1))
def test_quantiles_are_those_of_all_rows(counts, share):
    every = np.repeat(*map(np.array, zip(*sorted(counts.items()), strict=True)))
    index = max(int(np.ceil(share * len(every))) - 1, 0)
    assert every[max(index - 1, 0)] <= Spread.of(counts).quantile(share) <= every[min(index + 1, len(every) - 1)]


def test_whole_numbers_have_whole_bars():
    spread = Spread.of({1.0: 5, 2.0: 7, 3.0: 1})
    assert spread.edges((), bars=60, is_scaled=False).tolist() == [0.5, 1.5, 2.5, 3.5]
    assert spread.rows_within([Threshold(2, True)]) == 8
