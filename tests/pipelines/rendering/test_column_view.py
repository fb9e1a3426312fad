"""Columns in the report."""

import pyarrow as pa

from babelsift.filters.counting import count_values
from babelsift.pipelines.rendering.data import ReportData
from babelsift.pipelines.rendering.page.column_view import column_views
from babelsift.pipelines.rendering.page.page import render_report
from babelsift.schemas import Funnel, recipe_from


def data(columns, **conditions):
    recipe = recipe_from({"name": "mine", "select": {"conditions": conditions}}, source="test")
    counts = {name: count_values(values) for name, values in columns.items()}
    return ReportData(recipe=recipe, funnel=Funnel.from_counts({}), columns=counts)


def test_numbers_are_binned_and_bins_say_whether_they_meet_the_condition():
    [view] = column_views(data({"score": pa.array([n / 100 for n in range(100)] + [None])}, score={"min": 0.5}))
    assert (view.rows, view.nulls, view.rule) == (101, 1, ">= 0.5")
    assert len(view.bars) == 12
    assert sum(bar.rows for bar in view.bars) == 100
    assert [bar.is_kept for bar in view.bars][:6] == [False] * 6
    assert view.bars[-1].is_kept is True


def test_words_are_ranked_and_the_page_escapes_them():
    words = pa.array(["<b>"] * 3 + ["b"] + [f"w{n}" for n in range(20)])
    found = data({"tone": words}, tone={"in": ["b"]})
    [view] = column_views(found)
    assert [(bar.label, bar.rows, bar.is_kept) for bar in view.bars[:2]] == [("<b>", 3, False), ("b", 1, True)]
    assert view.more == 10
    page = render_report(found)
    assert "&lt;b&gt;" in page
    assert 'href="#columns"' in page


def test_without_columns_the_page_has_no_such_section():
    assert "#columns" not in render_report(data({}))
