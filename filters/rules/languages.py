"""Which captions are in a language that a recipe keeps, in the script that it names, and surely enough."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import HAN_FORMS, SCRIPTS, dominant_scripts, han_forms
from babelsift.schemas import Decision, RecipeError, RejectReason
from babelsift.schemas.languages import normalise_language
from babelsift.schemas.recipe import LanguageSettings

_SCRIPTS_TOLD_APART = frozenset(SCRIPTS)
_WRITING_SYSTEMS = {"Jpan": ("Hani", "Hira", "Kana"), "Kore": ("Hang", "Hani")}


def reject_by_language(
    captions: pa.Array, languages: pa.Array, scores: pa.Array, settings: LanguageSettings, decision: Decision
) -> None:
    """Rejects the rows whose language is not kept, then those whose language is not sure enough.

    An entry of `keep` may add a script ("sr-Latn"): it keeps the language where the caption is mainly in that script.
    "zh-Hans" and "zh-Hant" keep Chinese but where its characters tell the other orthography.

    Args:
        captions: string[n], nullable.
        languages: string[n].
        scores: float[n].
        settings: the recipe's, of the stage.
        decision: of the same n rows; changed.

    Raises:
        RecipeError: an entry of `keep` names a script that cannot be told.

    >>> decision = Decision.keep_all(2)
    >>> captions, languages, scores = pa.array(["a dog", "koira"]), pa.array(["en", "fi"]), pa.array([0.9, 0.8])
    >>> reject_by_language(captions, languages, scores, LanguageSettings(keep=("en",)), decision)
    >>> decision.kept.tolist(), decision.values[1]
    ([True, False], 'fi 0.80')
    """
    if settings.keep is not None:
        kept = _is_in_kept_language(captions, languages, settings.keep)
        decision.reject(
            ~kept,
            RejectReason.LANGUAGE_NOT_KEPT,
            values=_scored(languages, scores, ~kept),
            threshold=" ".join(settings.keep),
        )
    if settings.min_score is not None:
        sure = pc.fill_null(pc.greater_equal(scores, pa.scalar(settings.min_score, scores.type)), False)
        decision.reject(
            ~sure.to_numpy(zero_copy_only=False),
            RejectReason.LANGUAGE_SCORE_TOO_LOW,
            values=scores,
            threshold=settings.min_score,
        )


def _scored(languages: pa.Array, scores: pa.Array, rows: np.ndarray) -> np.ndarray:
    """Returns object[n], the language of some rows with how often such an answer is right."""
    values = np.full(len(languages), None, dtype=object)
    pairs = zip(*(column.filter(pa.array(rows)).to_pylist() for column in (languages, scores)), strict=True)
    values[rows] = [language if score is None else f"{language} {score:.2f}" for language, score in pairs]
    return values


def _is_in_kept_language(captions: pa.Array, languages: pa.Array, keep: tuple[str, ...]) -> np.ndarray:
    entries = [entry.partition("-") for entry in keep]
    plain = pa.array([normalise_language(code) for code, _, script in entries if not script], languages.type)
    kept = pc.is_in(languages, plain).to_numpy(zero_copy_only=False)
    scripted = [(normalise_language(code), script) for code, _, script in entries if script]
    if not scripted:
        return kept
    dominant = dominant_scripts(captions)
    for language, script in scripted:
        if script in HAN_FORMS:
            kept = kept | _is_in_orthography(captions, languages, dominant, (language, script))
            continue
        scripts = _WRITING_SYSTEMS.get(script, (script,))
        if not _SCRIPTS_TOLD_APART.issuperset(scripts):
            raise RecipeError(
                f"language.keep: script {script!r} of {language}-{script} cannot be told from a caption; "
                f"keep {language!r}, or one of {', '.join(SCRIPTS[1:8])} ..."
            )
        same = pc.and_kleene(pc.equal(languages, language), pc.is_in(dominant, pa.array(scripts)))
        kept = kept | pc.fill_null(same, False).to_numpy(zero_copy_only=False)
    return kept


def _is_in_orthography(
    captions: pa.Array, languages: pa.Array, dominant: pa.Array, entry: tuple[str, str]
) -> np.ndarray:
    """Returns bool[n], captions in a language and Han characters, none or most of which tell the other orthography."""
    language, orthography = entry
    asked = pc.fill_null(pc.and_kleene(pc.equal(languages, language), pc.equal(dominant, "Hani")), False)
    rows = np.flatnonzero(asked.to_numpy(zero_copy_only=False))
    found = han_forms(captions.take(pa.array(rows)))
    kept = np.zeros(len(captions), dtype=bool)
    kept[rows] = pc.fill_null(pc.equal(found, orthography), True).to_numpy(zero_copy_only=False)
    return kept
