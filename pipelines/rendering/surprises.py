"""What of a run would surprise its user: rules that left out most of what reached them, and rules that met nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from babelsift.filters.counting import DOWNLOADED, KEPT, DomainCounts
from babelsift.filters.rules import CAPTION_RULES, URL_RULES, Rule
from babelsift.pipelines.rendering.number_format import count_text, share_text, shown
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


def host_surprises(hosts: DomainCounts | None) -> list[str]:
    """Returns a sentence for each large domain most of whose URLs fail where others' do not, and for one that is most.

    Args:
        hosts: what became of URLs; None where none was asked for.
    """
    if hosts is None:
        return []
    outcomes = hosts.by_outcome
    urls = sum(rows for outcome, rows in outcomes.items() if outcome != KEPT)
    usual = outcomes.get(DOWNLOADED, 0) / max(urls, 1)
    sentences = (_of_domain(domain, found, urls, usual) for domain, found in hosts.by_domain.items())
    return [sentence for sentence in sentences if sentence]


def _of_domain(domain: str, outcomes: Mapping[str, int], urls: int, usual: float) -> str:
    failures = {outcome: rows for outcome, rows in outcomes.items() if outcome not in (DOWNLOADED, KEPT)}
    own = outcomes.get(DOWNLOADED, 0) + sum(failures.values())
    if own < _MIN_ROWS:
        return ""
    failed = sum(failures.values())
    if failed > _SURPRISING_SHARE * own and usual > _SURPRISING_SHARE:
        worst = max(failures, key=lambda outcome: (failures[outcome], outcome))
        share = share_text(failed, own)
        return f"{shown(domain)}: {share} of its {count_text(own)} URLs gave no image, most for {shown(worst)}."
    if own > _SURPRISING_SHARE * urls and own < urls:
        return f"{shown(domain)} has {share_text(own, urls)} of all {count_text(urls)} URLs that were asked for."
    return ""


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
