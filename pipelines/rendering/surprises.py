"""What of a run would surprise its user: rules that left out most of what reached them, and rules that met nothing."""

from __future__ import annotations

from collections.abc import Iterator

from babelsift.filters.rules import CAPTION_RULES, URL_RULES, Rule
from babelsift.pipelines.rendering.number_format import count_text, share_text
from babelsift.schemas import STAGE_ORDER, Funnel, Recipe, Stage, StageFunnel
from babelsift.schemas.recipe.settings import Settings

# What selection and balancing leave out is what a recipe asks for, in numbers of its own.
_JUDGED = frozenset(stage.value for stage in STAGE_ORDER[: STAGE_ORDER.index(Stage.SELECT)])
_SURPRISING_SHARE = 0.5
_MIN_ROWS = 100  # that reached a stage, below which its shares say little
_MIN_ROWS_UNMET = 1000  # below which a rule that met nothing is no news


def surprises(funnel: Funnel, recipe: Recipe) -> list[str]:
    """Returns a sentence for each thing in a run's funnel that its recipe would not lead one to expect.

    Args:
        funnel: of a finished run.
        recipe: of the same run.
    """
    return [*_reject_most(funnel), *_met_nothing(funnel, recipe)]


def _reject_most(funnel: Funnel) -> Iterator[str]:
    for stage in funnel.stages:
        if stage.stage not in _JUDGED or stage.in_rows < _MIN_ROWS:
            continue
        for reason, rows in stage.rejected.items():
            # A stage that lets nothing out is said to by itself.
            if rows > _SURPRISING_SHARE * stage.in_rows and stage.out_rows:
                share = share_text(rows, stage.in_rows)
                yield f"{stage.stage} left out {share} of the {count_text(stage.in_rows)} rows for {reason}."


def _met_nothing(funnel: Funnel, recipe: Recipe) -> Iterator[str]:
    rules = next((stage for stage in funnel.stages if stage.stage == Stage.RULES.value), None)
    if rules is None or rules.in_rows < _MIN_ROWS_UNMET:
        return
    unmet = [
        *_unmet(rules, CAPTION_RULES, recipe.captions, "captions"),
        *_unmet(rules, URL_RULES, recipe.urls, "urls"),
    ]
    if unmet:
        yield f"Of {count_text(rules.in_rows)} rows no one was left out by {', '.join(unmet)}."


def _unmet(stage: StageFunnel, rules: tuple[Rule, ...], settings: Settings, group: str) -> Iterator[str]:
    """Yields the settings that a recipe switches on by itself and that left out no row."""
    for rule in rules:
        if rule.setting is None or rule.threshold_in(settings) is None:
            continue
        default = type(settings).model_fields[rule.setting].get_default(call_default_factory=True)
        if getattr(settings, rule.setting) != default and not stage.rejected.get(rule.reason.value):
            yield f"{group}.{rule.setting}"
