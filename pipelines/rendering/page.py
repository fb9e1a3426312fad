"""The report page: one HTML file that fetches nothing, runs nothing and looks the same for the same data."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from babelsift.pipelines.rendering.column_view import column_views
from babelsift.pipelines.rendering.data import ReportData
from babelsift.pipelines.rendering.funnel_view import (
    kept_languages,
    language_rows,
    large_languages,
    near_caption_rows,
    stage_bars,
    with_rest,
)
from babelsift.pipelines.rendering.histograms import ScoreRow, score_rows
from babelsift.pipelines.rendering.notices import notices
from babelsift.pipelines.rendering.number_format import count_text, share_text
from babelsift.pipelines.rendering.plots import similarity_svg
from babelsift.pipelines.rendering.sample_view import cluster_rows, kept_cards, rejected_groups
from babelsift.pipelines.rendering.templating import ENVIRONMENT
from babelsift.schemas import Funnel, dump_recipe, similarity_column


@dataclass(frozen=True)
class ScorePlot:
    """One model's histograms: the picture, and the same as a table."""

    column: str
    svg: Markup
    rows: list[ScoreRow]
    decides: bool
    languages_left_out: int


def render_report(data: ReportData) -> str:
    """Returns the page as HTML: self-contained, no script, every text from the web escaped."""
    all_languages = language_rows(data.funnel)
    languages, other_languages = with_rest(all_languages)
    return ENVIRONMENT.get_template("index.html").render(
        recipe=data.recipe,
        funnel=data.funnel,
        headline=_headline(data.funnel),
        notices=notices(data),
        stages=stage_bars(data.funnel),
        languages_kept=kept_languages(all_languages),
        languages=languages,
        large_languages=large_languages(all_languages, data.recipe.language.report_min_texts),
        other_languages=other_languages,
        near_captions=near_caption_rows(data.funnel),
        plots=_score_plots(data),
        columns=column_views(data),
        kept=kept_cards(data.samples),
        images=data.kept_images,
        rejected=rejected_groups(data.samples, data.funnel),
        clusters=cluster_rows(data.clusters),
        facts=data.facts,
        recipe_yaml=dump_recipe(data.recipe),
    )


def _headline(funnel: Funnel) -> str:
    """Returns a sentence: how much of the input was kept, and which stage rejected most of it."""
    if not funnel.input_rows:
        return "The input held no rows, so there is nothing to show."
    sentence = f"{count_text(funnel.kept_rows)} of {count_text(funnel.input_rows)} pairs were kept"
    if not funnel.rejected_rows:
        return f"{sentence}; none was rejected."
    worst = max(funnel.stages, key=lambda stage: stage.rejected_rows)
    share = share_text(worst.rejected_rows, funnel.input_rows).replace(" ", "\u00a0")
    return f"{sentence}. The stage that rejected the most was {worst.stage}, with {share} of the input."


def _in_recipe_order(data: ReportData) -> list[tuple[str, dict[str, dict[int, int]]]]:
    order = [similarity_column(name) for name in data.recipe.model_names]
    return sorted(
        data.score_histograms.items(),
        key=lambda item: (order.index(item[0]) if item[0] in order else len(order), item[0]),
    )


def _score_plots(data: ReportData) -> list[ScorePlot]:
    plots = []
    for position, (column, by_language) in enumerate(_in_recipe_order(data)):
        rows = score_rows(data.recipe, column, by_language, data.bin_width)
        if not rows:
            continue
        # The SVG holds numbers and plain labels only (see plots.py), so it is the one thing that is not escaped.
        svg = Markup(similarity_svg(rows, name=f"plot{position}"))
        languages = sum(1 for counts in by_language.values() if any(counts.values()))
        plots.append(
            ScorePlot(
                column=column,
                svg=svg,
                rows=rows,
                decides=any(row.cut is not None for row in rows),
                languages_left_out=languages - (len(rows) - 1),
            )
        )
    return plots
