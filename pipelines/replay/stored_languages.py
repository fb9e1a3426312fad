"""Stage language on a finished run's pairs: what the run found is used again where this recipe would find the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.language import LanguageIdentifier
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.job.record.versions import software_versions
from babelsift.pipelines.run_folder.fingerprints import stage_settings
from babelsift.pipelines.run_folder.manifest import Manifest
from babelsift.pipelines.stages.language import split_by_language
from babelsift.schemas import LANGUAGE_SCHEMA, READ_SCHEMA, Recipe, Stage, check
from babelsift.schemas.recipe import LanguageSettings

# Carried from reading to here; an input has no column of such a name, as its own are not read beside them.
_STORED = {"language": "stored_language", "language_score": "stored_language_score"}
_SHAPING = ("language.model", "language.raw", "language.source", "caption_edits")


def are_languages_known(manifest: Manifest, recipe: Recipe) -> bool:
    """Returns whether a recipe would find the languages that the last run found: by the same model and software."""
    if manifest.facts.get("versions") != software_versions():
        return False
    before, now = (
        {name: value for settings in stages.values() for name, value in settings.items() if name.startswith(_SHAPING)}
        for stages in (manifest.stages, stage_settings(recipe, {}))
    )
    return before == now


def are_scores_wanted(recipe: Recipe) -> bool:
    """Returns whether a pair's fate may depend on its language's score, which the ledger does not have."""
    named = {name for rule, _ in recipe.select.walk() for name in rule.conditions}
    return recipe.language.min_score is not None or "language_score" in named


def with_stored_languages(pairs: pa.RecordBatch, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Returns READ_SCHEMA rows with the languages and scores that shards or ledger have of them, or null."""
    for name, column in _STORED.items():
        kind = LANGUAGE_SCHEMA.field(name).type
        values = rows.column(name).cast(kind) if name in rows.schema.names else pa.nulls(len(rows), kind)
        pairs = pairs.append_column(pa.field(column, kind), values)
    return pairs


@dataclass
class StoredLanguages(Transform):
    """Replaces IdentifyLanguage on the rows of `with_stored_languages`; identifies only languages that are not stored.

    Attributes:
        settings: the recipe's, of the stage.
        scores: whether scores are needed; if not, scores that are not stored are NaN.
    """

    settings: LanguageSettings
    scores: bool

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Decides each batch on its own."""
        look = beam.ParDo(_LookUpLanguages(self.settings, self.scores))
        return batches | "LookUp" >> kept_and_rejected(look)


class _LookUpLanguages(beam.DoFn):
    def __init__(self, settings: LanguageSettings, scores: bool) -> None:
        self._settings, self._scores = settings, scores
        self._identifier = LanguageIdentifier(settings.model, raw=settings.raw)

    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        check(element, READ_SCHEMA, where="language")
        stored = pa.RecordBatch.from_arrays(
            [element.column(column) for column in _STORED.values()], names=list(_STORED)
        )
        known = stored.column("language").is_valid()
        if self._scores:
            known = pc.and_(known, stored.column("language_score").is_valid())
        unknown = np.flatnonzero(~known.to_numpy(zero_copy_only=False))
        new = self._identifier.identify(element.column("caption").take(pa.array(unknown)))
        both = pa.concat_batches([stored, new.cast(stored.schema)])
        rows = np.arange(len(element))
        rows[unknown] = len(element) + np.arange(len(unknown))
        language, score = both.take(pa.array(rows)).columns
        languages = pa.RecordBatch.from_arrays([language, pc.fill_null(score, np.nan)], names=list(_STORED))
        kept, rejected = split_by_language(element.drop_columns(list(_STORED.values())), languages, self._settings)
        yield from emit(Stage.LANGUAGE, len(element), [kept], [rejected])
