import pytest

from babelsift.pipelines.rendering import ReportData, render_report
from babelsift.pipelines.rendering.funnel_view import near_caption_rows
from babelsift.schemas import IN, OUT, STAGE_ORDER, Funnel, recipe_from


@pytest.fixture
def funnel():
    counts, kept, near = {}, {"en": 700, "zh": 90}, {"en": 100, "zh": 10}
    position = STAGE_ORDER.index("dedup_pairs")
    for stage in STAGE_ORDER:
        before, after = STAGE_ORDER.index(stage) <= position, STAGE_ORDER.index(stage) >= position
        counts[stage.value, IN, ""] = 900 if before else 790
        for language, rows in kept.items():
            counts[stage.value, OUT, language] = rows + (0 if after else near[language])
    counts.update((("dedup_pairs", "near_duplicate_caption", language), rows) for language, rows in near.items())
    return Funnel.from_counts(counts).check()


def test_removal_by_language_is_in_the_funnel_and_reads_back(funnel):
    stage = next(stage for stage in funnel.to_json()["stages"] if stage["stage"] == "dedup_pairs")
    assert stage["rejected_by_language"] == {"near_duplicate_caption": {"en": 100, "zh": 10}}
    assert stage["by_language"]["zh"] == {"in": 100, "out": 90}
    assert Funnel.from_json(funnel.to_json()) == funnel


def test_removal_by_language_is_on_the_page(funnel):
    assert [(row.language, row.in_rows, row.removed) for row in near_caption_rows(funnel)] == [
        ("en", 800, 100),
        ("zh", 100, 10),
    ]
    recipe = recipe_from({"name": "a"}, source="test")
    page = render_report(ReportData(recipe, funnel))
    section = page[page.index('id="near-captions"') :].split("</section>")[0]
    assert "12.5 %" in section
    assert "10.0 %" in section


def test_without_any_there_is_no_such_section():
    page = render_report(ReportData(recipe_from({"name": "a"}, source="test"), Funnel.from_counts({})))
    assert "near-captions" not in page
