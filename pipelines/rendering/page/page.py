"""The report page: one HTML file that fetches nothing, runs nothing and looks the same for the same data."""

from __future__ import annotations

from babelsift.pipelines.rendering.data import ReportData
from babelsift.pipelines.rendering.funnel_view import (
    kept_languages,
    language_rows,
    large_languages,
    near_caption_rows,
    off_stages,
    stage_bars,
    with_rest,
)
from babelsift.pipelines.rendering.notices import notices
from babelsift.pipelines.rendering.number_format import count_text, share_text
from babelsift.pipelines.rendering.page.column_view import column_views
from babelsift.pipelines.rendering.page.host_view import host_view
from babelsift.pipelines.rendering.page.measure_view import measure_views
from babelsift.pipelines.rendering.page.sample_view import (
    cluster_rows,
    edge_rows,
    edited_cards,
    kept_cards,
    rejected_groups,
)
from babelsift.pipelines.rendering.page.score_view import score_views
from babelsift.pipelines.rendering.templating import ENVIRONMENT
from babelsift.schemas import Funnel, dump_recipe


def render_report(data: ReportData) -> str:
    """Returns the page as HTML: self-contained, no script, every text from the web escaped."""
    all_languages = language_rows(data.funnel)
    quiet = [stage.stage for stage in data.funnel.stages[1:-1] if not stage.rejected_rows]
    off = [stage for stage in off_stages(data.recipe) if stage in quiet]
    languages, other_languages = with_rest(all_languages)
    return ENVIRONMENT.get_template("index.html").render(
        recipe=data.recipe,
        funnel=data.funnel,
        headline=_headline(data.funnel),
        notices=notices(data),
        stages=stage_bars(data.funnel),
        off=off,
        quiet=[stage for stage in quiet if stage not in off],
        uid_digits=data.uid_digits,
        timings=data.timings,
        languages_kept=kept_languages(all_languages),
        languages=languages,
        large_languages=large_languages(all_languages, data.recipe.language.report_min_texts),
        other_languages=other_languages,
        near_captions=near_caption_rows(data.funnel),
        spreads=[*measure_views(data), *score_views(data)],
        columns=column_views(data),
        hosts=host_view(data.hosts),
        edits=sorted(data.edits.items(), key=lambda edit: (-edit[1], edit[0])),
        edited=edited_cards(data.samples),
        edges=edge_rows(data.samples),
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
