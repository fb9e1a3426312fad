"""Columns in the report."""

from dataclasses import replace

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


def test_numbers_are_a_histogram_with_the_bounds_of_the_condition():
    [view] = column_views(data({"score": pa.array([n / 100 for n in range(100)] + [None])}, score={"min": 0.5}))
    assert (view.rows, view.nulls, view.rule) == (101, 1, ">= 0.5")
    overall = view.numbers.overall
    assert (overall.rows, overall.within, overall.quantiles[1]) == (100, 50, 0.49)
    [bound] = overall.thresholds
    assert (bound.value, bound.is_minimum, bound.rule) == (0.5, True, "select.conditions.score.min")
    assert "1 more without a value" in view.numbers.about
    assert view.numbers.languages == ()


def test_each_language_has_its_own_histogram_with_its_own_bounds():
    scores, languages = pa.array([1.0, 2.0, 3.0, 4.0, None]), pa.array(["en", "de", "en", None, "fi"])
    recipe_data = data({}, score={"min": {"en": 2, "default": 3}})
    [view] = column_views(replace(recipe_data, columns={"score": count_values(scores, languages)}))
    assert view.numbers.overall.thresholds == ()  # none holds for all languages
    of_language = {one.language: (one.rows, one.within) for one in view.numbers.languages}
    assert of_language == {"en": (2, 1), "de": (1, 0)}
    assert "By language, and figures" in render_report(
        replace(recipe_data, columns={"score": count_values(scores, languages)})
    )


def test_words_are_ranked_and_the_page_escapes_them():
    words = pa.array(["<b>"] * 3 + ["b"] + [f"w{n}" for n in range(20)])
    found = data({"tone": words}, tone={"in": ["b"]})
    [view] = column_views(found)
    assert [(bar.label, bar.rows, bar.is_kept) for bar in view.words[:2]] == [("<b>", 3, False), ("b", 1, True)]
    assert view.more == 10
    page = render_report(found)
    assert "&lt;b&gt;" in page
    assert 'href="#columns"' in page


def test_without_columns_the_page_has_no_such_section():
    assert "#columns" not in render_report(data({}))
