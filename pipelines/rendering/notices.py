"""Notices that a reader of the report should not overlook, derived from the recipe, the facts and the funnel."""

from __future__ import annotations

from babelsift.pipelines.rendering.data import ReportData
from babelsift.pipelines.rendering.funnel_view import language_rows
from babelsift.pipelines.rendering.number_format import clipped, count_text
from babelsift.pipelines.rendering.opt_outs import opt_out_forms
from babelsift.pipelines.rendering.surprises import host_surprises, surprises
from babelsift.schemas import Recipe

_NAMED = 12  # languages named in one sentence; a long tail of misread captions is no news
_ERROR_CHARACTERS = 300
_MIN_PAIRS = 10  # pairs of a language below which nothing kept is no surprise
PRIVATE_ADDRESSES_FACT = "private addresses allowed"
_NO = frozenset({"", "no", "none", "false", "0", "never"})
DEMO_MODEL = "babelsift-demo"
DEMO_NOTICE = (
    "Similarities come from the demo model, which was trained on drawings of coloured shapes only. "
    "They say nothing about photographs; use a real CLIP model for real data."
)


def uses_demo_model(recipe: Recipe) -> bool:
    """Whether any CLIP model of the recipe is the demo's, which knows nothing but the demo's drawings."""
    return any(DEMO_MODEL in f"{model.model} {model.pretrained or ''}".replace("_", "-") for model in recipe.clip)


def notices(data: ReportData) -> list[str]:
    """Returns the notices, a sentence each: first what would surprise whoever ran this."""
    return [
        *surprises(data.funnel, data.recipe),
        *host_surprises(data.hosts),
        *_of_columns(data),
        *_of_languages(data),
        *_of_recipe(data),
    ]


def _of_columns(data: ReportData) -> list[str]:
    """A sentence for each column that could not be made of half its rows or more."""
    return [
        f"column {name}: {count_text(counts.failed)} of {count_text(counts.rows)} have no value: "
        f"{clipped('; '.join(counts.errors), _ERROR_CHARACTERS)}."
        for name, counts in sorted(data.columns.items())
        if counts.failed and 2 * counts.failed >= counts.rows
    ]


def _of_languages(data: ReportData) -> list[str]:
    if not data.funnel.kept_rows:
        return []
    rows = language_rows(data.funnel)
    sentences = []
    empty = [row.language for row in rows if row.passed >= _MIN_PAIRS and not row.kept]
    if empty:
        sentences.append(f"Nothing was kept of {_named(empty)}, although pairs passed the language stage.")
    seen = {row.language for row in rows if row.passed}
    unseen = [language for language in data.recipe.language.keep or () if language not in seen]
    if unseen:
        sentences.append(f"The recipe keeps {_named(unseen)}, but no such pair passed the language stage.")
    return sentences


def _of_recipe(data: ReportData) -> list[str]:
    recipe, sentences = data.recipe, []
    if uses_demo_model(recipe):
        sentences.append(DEMO_NOTICE)
    networks = recipe.download.allow_addresses
    fact = data.facts.get(PRIVATE_ADDRESSES_FACT, "").strip()
    if networks or fact.lower() not in _NO:
        named = ", ".join(networks) or fact
        sentences.append(f"Private addresses could be reached by URLs of the input ({clipped(named, 200)}).")
    if not recipe.download.verify_tls:
        sentences.append("TLS certificates were not verified, so images may come from someone else than their host.")
    opt_outs = opt_out_forms(data)
    if not opt_outs.x_robots_tag:
        sentences.append("Opt-outs were not honoured: X-Robots-Tag headers were ignored.")
    if opt_outs.switched_off:
        sentences.append(f"Opt-outs were not heard in these forms: {'; '.join(opt_outs.switched_off)}.")
    return sentences


def _named(languages: list[str]) -> str:
    named = ", ".join(languages[:_NAMED])
    unnamed = len(languages) - _NAMED
    return f"{named} and {unnamed} more" if unnamed > 0 else named
