"""What of a run would surprise its user: rules that left out most of what reached them, rules that met nothing.

What stages themselves warn of (short captions that may be misread as another language) is in the funnel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from babelsift.filters.counting import DOWNLOADED, KEPT, DomainCounts
from babelsift.filters.rules import CAPTION_RULES, URL_RULES
from babelsift.pipelines.rendering.number_format import count_text, share_text, shown
from babelsift.pipelines.run_folder.condition_stages import condition_stages
from babelsift.schemas import ColumnReason, Funnel, Recipe, RejectReason, Stage
from babelsift.schemas.recipe.groups.settings import Settings

# Shares and caps leave out what a recipe asks for in numbers of its own; a dry run does not know the rest.
_ASKED_FOR = frozenset(
    reason.value
    for reason in (
        RejectReason.OUTSIDE_TOP_FRACTION,
        RejectReason.BEYOND_CAPTION_CAP,
        RejectReason.BEYOND_HOST_CAP,
        RejectReason.BEYOND_LANGUAGE_CAP,
        RejectReason.CONCEPTS_TOO_FREQUENT,
        RejectReason.TEXT_NOT_CHOSEN,
        RejectReason.NOT_STORED,
    )
)
# Settings beside those of captions and URLs that leave out rows one by one.
_SETTINGS = {
    "language.keep": RejectReason.LANGUAGE_NOT_KEPT,
    "language.min_score": RejectReason.LANGUAGE_SCORE_TOO_LOW,
    "frequency.max_images_per_caption": RejectReason.CAPTION_ON_TOO_MANY_IMAGES,
    "frequency.max_captions_per_image": RejectReason.IMAGE_WITH_TOO_MANY_CAPTIONS,
    "metadata.min_matches": RejectReason.NO_METADATA_MATCH,
    "images.min_bytes": RejectReason.FILE_TOO_SMALL,
    "images.min_side_px": RejectReason.IMAGE_TOO_SMALL,
    "images.max_aspect_ratio": RejectReason.ASPECT_RATIO_TOO_LARGE,
    "select.min_similarity": RejectReason.SIMILARITY_TOO_LOW,
}
_STAGE_OF = {"images": Stage.IMAGE_RULES}
_SURPRISING_SHARE = 0.5
_MIN_ROWS = 100  # that reached a stage, below which its shares say little
_MIN_ROWS_UNMET = 1000  # below which a rule that met nothing is no news


def surprises(funnel: Funnel, recipe: Recipe) -> list[str]:
    """Returns a sentence for each thing in a run's funnel that its recipe would not lead one to expect.

    Args:
        funnel: of a finished run.
        recipe: of the same run.
    """
    if not funnel.input_rows:
        return ["The input held no rows."]
    return [
        *_reject_all(funnel),
        *_reject_most(funnel),
        *_met_nothing(funnel, recipe),
        *(shown(warning) for warning in funnel.warnings),
    ]


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


def _reject_all(funnel: Funnel) -> Iterator[str]:
    for stage in funnel.stages:
        if stage.in_rows and not stage.out_rows:
            most = max(stage.rejected, key=lambda reason: (stage.rejected[reason], reason))
            yield (
                f"The stage {stage.stage} rejected everything that reached it ({count_text(stage.in_rows)} rows), "
                f"{share_text(stage.rejected[most], stage.in_rows)} for {most}."
            )


def _reject_most(funnel: Funnel) -> Iterator[str]:
    for stage in funnel.stages:
        if stage.in_rows < _MIN_ROWS or not stage.out_rows:
            continue
        for reason, rows in stage.rejected.items():
            if reason not in _ASKED_FOR and rows > _SURPRISING_SHARE * stage.in_rows:
                share = share_text(rows, stage.in_rows)
                yield f"{stage.stage} left out {share} of the {count_text(stage.in_rows)} rows for {reason}."


def _met_nothing(funnel: Funnel, recipe: Recipe) -> Iterator[str]:
    """Yields a sentence a stage that names the settings of the recipe by which it left out no row."""
    for stage in funnel.stages:
        if stage.in_rows < _MIN_ROWS_UNMET:
            continue
        rules = [*_rules_of(stage.stage, recipe), *_conditions_of(stage.stage, recipe)]
        unmet = [setting for setting, reasons in rules if not stage.rejected.keys() & reasons]
        if unmet:
            yield f"None of {count_text(stage.in_rows)} rows was left out by {', '.join(unmet)}."


def _rules_of(stage: str, recipe: Recipe) -> Iterator[tuple[str, set[str]]]:
    """Yields (setting, reasons of rows that it leaves out) of a stage's rules that a recipe switches on by itself."""
    if stage == Stage.RULES.value:
        for group, rules in (("captions", CAPTION_RULES), ("urls", URL_RULES)):
            settings = getattr(recipe, group)
            for rule in rules:
                if rule.setting and rule.threshold_in(settings) is not None and _is_own(settings, rule.setting):
                    yield f"{group}.{rule.setting}", {rule.reason.value}
    for setting, reason in _SETTINGS.items():
        group, name = setting.split(".")
        if _STAGE_OF.get(group, group) == stage and _is_on(getattr(recipe, group), name):
            yield setting, {reason.value}


def _conditions_of(stage: str, recipe: Recipe) -> Iterator[tuple[str, set[str]]]:
    for column, decides in condition_stages(recipe).items():
        if decides.value == stage:
            yield f"select.conditions.{column}", {ColumnReason(column).value, RejectReason.CONDITION_NOT_MET.value}


def _is_on(settings: Settings | None, name: str) -> bool:
    return settings is not None and getattr(settings, name) not in (None, 0)


def _is_own(settings: Settings, name: str) -> bool:
    default = type(settings).model_fields[name].get_default(call_default_factory=True)
    return getattr(settings, name) != default
