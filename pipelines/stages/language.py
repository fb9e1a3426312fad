"""Stage language: each caption's language, and which languages are kept."""

from __future__ import annotations

from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.language import LanguageIdentifier, agreed_languages, said_languages
from babelsift.filters.rules import reject_by_language
from babelsift.pipelines.core.decide_batches import DecideBatches, Verdict
from babelsift.pipelines.core.stage_outputs import kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import LANGUAGE_SCHEMA, READ_SCHEMA, TEXT_LANGUAGE, Decision, RejectReason, Stage, check
from babelsift.schemas.recipe import LanguageSettings


@dataclass
class IdentifyLanguage(Transform):
    """Adds `language` and `language_score`, and keeps the languages of the settings.

    Input: batches with READ_SCHEMA's columns. Main output: LANGUAGE_SCHEMA's columns and the carried ones. REJECTED:
    pairs in other languages, with a score below the minimum, or in another language than their source says.

    Attributes:
        settings: which languages are kept, by which model, and whether `text_language` is believed or checked.
    """

    settings: LanguageSettings

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Identifies and decides each batch on its own."""
        return batches | "Identify" >> kept_and_rejected(beam.ParDo(_Identify(self.settings)))


class _Identify(DecideBatches):
    def __init__(self, settings: LanguageSettings) -> None:
        super().__init__(Stage.LANGUAGE, "identify")
        self._settings = settings

    def setup(self) -> None:
        """Loads the model, once a process."""
        self._identifier = LanguageIdentifier(self._settings.model, raw=self._settings.raw)
        self._identifier.load()

    def decide(self, batch: pa.RecordBatch) -> Verdict:
        check(batch, READ_SCHEMA, where="language")
        decision = Decision.keep_all(len(batch))
        languages = self._languages(batch, decision)
        return Verdict(*split_by_language(batch, languages, self._settings, decision))

    def _languages(self, batch: pa.RecordBatch, decision: Decision) -> pa.RecordBatch:
        """Returns language and language_score; rejects the rows whose source is checked and says another language."""
        captions, said = batch.column("caption"), _said(batch)
        if self._settings.source == "replace" or said.null_count == len(batch):
            return self._identifier.identify(captions)
        if self._settings.source == "believe":
            return self._believed(captions, said)
        found = self._identifier.identify(captions)
        languages, scores = found.columns
        agreed = agreed_languages(said, languages, self._identifier.languages)
        decision.reject(agreed.is_null(), RejectReason.LANGUAGE_DISAGREES, values=languages, threshold=said)
        return pa.RecordBatch.from_arrays([pc.coalesce(agreed, languages), scores], schema=found.schema)

    def _believed(self, captions: pa.Array, said: pa.Array) -> pa.RecordBatch:
        """Returns what is said, with the score 1, and where nothing is what is found."""
        unsaid = np.flatnonzero(said.is_null().to_numpy(zero_copy_only=False))
        found = self._identifier.identify(captions.take(pa.array(unsaid)))
        believed = pa.RecordBatch.from_arrays(
            [said, pa.array(np.ones(len(said), dtype=np.float32))], schema=found.schema
        )
        rows = np.arange(len(said))
        rows[unsaid] = len(said) + np.arange(len(unsaid))
        return pa.concat_batches([believed, found]).take(pa.array(rows))


def _said(batch: pa.RecordBatch) -> pa.Array:
    """Returns string[n], the languages that the input says; null where it says none."""
    if TEXT_LANGUAGE.name not in batch.schema.names:
        return pa.nulls(len(batch), pa.string())
    return said_languages(batch.column(TEXT_LANGUAGE.name))


def split_by_language(
    batch: pa.RecordBatch, languages: pa.RecordBatch, settings: LanguageSettings, decision: Decision | None = None
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns (the rows that are kept, as LANGUAGE_SCHEMA and carried columns; the others, as ledger rows).

    Args:
        batch: READ_SCHEMA's columns, n rows.
        languages: language and language_score, n rows.
        settings: which languages are kept.
        decision: on the rows so far; changed.
    """
    decision = decision or Decision.keep_all(len(batch))
    codes, scores = languages.columns
    reject_by_language(batch.column("caption"), codes, scores, settings, decision)
    return decision.split(with_languages(batch, languages), Stage.LANGUAGE)


def with_languages(batch: pa.RecordBatch, languages: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the batch with LANGUAGE_SCHEMA's columns first and the carried ones after them."""
    carried = [name for name in batch.schema.names if name not in READ_SCHEMA.names]
    columns = [(languages if name in languages.schema.names else batch).column(name) for name in LANGUAGE_SCHEMA.names]
    schema = pa.schema([*LANGUAGE_SCHEMA, *(batch.schema.field(name) for name in carried)])
    return pa.RecordBatch.from_arrays([*columns, *(batch.column(name) for name in carried)], schema=schema)
