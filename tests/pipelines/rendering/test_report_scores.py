import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.pipelines.rendering import ReportData
from babelsift.pipelines.rendering.page.score_view import Histogram, score_rows, score_views
from babelsift.schemas import Funnel, recipe_from

WIDTH = 2e-4
counts = st.dictionaries(st.integers(0, 9999), st.integers(0, 50), max_size=40)


def scored(select, **more):
    clip = [{"model": "a"}, {"model": "b"}]
    return recipe_from({"name": "x", "clip": clip, "select": select, **more}, source="test")


def at(*similarities):
    """A histogram with one pair in the middle of the bin that begins at each similarity."""
    return {round((similarity + 1) / WIDTH): 1 for similarity in similarities}


EN = at(0.1, 0.2, 0.3, 0.4)
DE = at(0.05, 0.15)


def cuts(select, column="similarity_a"):
    rows = score_rows(scored(select), column, {"en": EN, "de": DE}, WIDTH)
    return {row.label: None if row.cut is None else round(row.cut, 4) for row in rows}


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ({}, {"all": None, "en": None, "de": None}),
        ({"min_similarity": 0.25}, {"all": 0.25, "en": 0.25, "de": 0.25}),
        ({"min_similarity": {"en": 0.3, "default": 0.1}}, {"all": None, "en": 0.3, "de": 0.1}),
        ({"min_similarity": {"en": 0.3}}, {"all": None, "en": 0.3, "de": None}),
        ({"top_fraction": 0.5}, {"all": 0.15, "en": 0.15, "de": 0.15}),
        ({"top_fraction_by_language": 0.5}, {"all": None, "en": 0.2, "de": 0.05}),
        ({"min_similarity": 0.12, "top_fraction_by_language": 0.5}, {"all": 0.12, "en": 0.2, "de": 0.12}),
    ],
)
def test_the_cut_is_the_recipe_s(select, expected):
    assert cuts(select) == expected


def test_only_the_deciding_model_is_cut():
    assert set(cuts({"min_similarity": 0.2}, "similarity_b").values()) == {None}
    assert set(cuts({"min_similarity": 0.2, "model": "b"}, "similarity_b").values()) == {0.2}


def test_rows_above_the_cut_are_counted():
    rows = score_rows(scored({"min_similarity": 0.2}), "similarity_a", {"en": EN, "de": DE}, WIDTH)
    assert [(row.label, row.rows_above) for row in rows] == [("all", 3), ("en", 3), ("de", 0)]


def test_no_rows_no_histogram():
    assert score_rows(scored({}), "similarity_a", {}, WIDTH) == []
    assert score_rows(scored({}), "similarity_a", {"en": {7: 0}}, WIDTH) == []


def test_only_the_largest_languages_have_their_own_row():
    many = {f"l{number:02d}": {5000: number + 1} for number in range(30)}
    labels = [row.label for row in score_rows(scored({}), "similarity_a", many, WIDTH)]
    assert labels == ["all", *(f"l{number:02d}" for number in range(29, 19, -1))]


@given(counts)
def test_rebinning_keeps_every_row_that_is_inside(one):
    histogram = Histogram.of([one], WIDTH)
    rows, edges = histogram.rebinned(-1, 1, 37)
    assert rows.sum() == histogram.total == sum(one.values())
    assert len(edges) == len(rows) + 1
    assert np.all(np.diff(edges) > 0)


@given(counts.filter(lambda one: any(one.values())), st.floats(0, 1))
def test_quantiles_agree_with_sorted_rows(one, share):
    histogram = Histogram.of([one], WIDTH)
    every = np.repeat(histogram.starts, histogram.rows) + WIDTH / 2
    index = max(int(np.ceil(share * len(every))) - 1, 0)
    # A share that falls between two rows may be either's.
    assert every[max(index - 1, 0)] <= histogram.quantile(share) <= every[min(index + 1, len(every) - 1)]


@given(counts, counts)
def test_histograms_add_up(one, other):
    assert Histogram.of([one, other], WIDTH).total == sum(one.values()) + sum(other.values())


def views(recipe, by_language):
    return score_views(ReportData(recipe, Funnel(()), score_histograms={"similarity_a": by_language}, bin_width=WIDTH))


def test_the_view_has_each_language_on_the_same_axis():
    [view] = views(scored({"min_similarity": 0.25}), {"zh": {6000: 3, 6300: 9}, "中文": {6000: 2}})
    assert [one.language for one in (view.overall, *view.languages)] == ["all", "zh", "中文"]
    labels = [[tick.label for tick in one.chart.ticks] for one in (view.overall, *view.languages)]
    assert labels == [labels[0]] * 3
    assert [one.chart.cuts[0].label for one in view.languages] == ["≥ 0.25"] * 2
    assert (view.overall.within, view.overall.rows) == (9, 14)
    assert view.overall.chart.beyond


def test_one_pair_can_be_plotted():
    [view] = views(scored({}), {"en": {9999: 1}})
    assert view.overall.chart.within
    assert not view.overall.chart.cuts
