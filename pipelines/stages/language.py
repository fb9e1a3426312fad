"""Stage language: each caption's language, and which languages are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa

from babelsift.filters.language import LanguageIdentifier
from babelsift.filters.rules import reject_by_language
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.timers import inc_timer_msec
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import LANGUAGE_SCHEMA, READ_SCHEMA, Decision, Stage, check
from babelsift.schemas.recipe import LanguageSettings


@dataclass
class IdentifyLanguage(Transform):
    """Adds `language` and `language_score`, and keeps the languages of the settings.

    Input: batches with READ_SCHEMA's columns. Main output: LANGUAGE_SCHEMA's columns and the carried ones. REJECTED:
    pairs in other languages, or with a score below the minimum.

    Attributes:
        settings: which languages are kept, by which model.
    """

    settings: LanguageSettings

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Identifies and decides each batch on its own."""
        return batches | "Identify" >> kept_and_rejected(beam.ParDo(_Identify(self.settings)))


class _Identify(beam.DoFn):
    def __init__(self, settings: LanguageSettings) -> None:
        self._settings = settings

    def setup(self) -> None:
        """Loads the model, once a process."""
        self._identifier = LanguageIdentifier(self._settings.model, raw=self._settings.raw)

    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        with inc_timer_msec(Stage.LANGUAGE, "identify"):
            check(element, READ_SCHEMA, where="language")
            languages = self._identifier.identify(element.column("caption"))
            kept, rejected = split_by_language(element, languages, self._settings)
        yield from emit(Stage.LANGUAGE, len(element), [kept], [rejected])


def split_by_language(
    batch: pa.RecordBatch, languages: pa.RecordBatch, settings: LanguageSettings
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns (the rows that are kept, as LANGUAGE_SCHEMA and carried columns; the others, as ledger rows).

    Args:
        batch: READ_SCHEMA's columns, n rows.
        languages: language and language_score, n rows.
        settings: which languages are kept.
    """
    decision = Decision.keep_all(len(batch))
    codes, scores = languages.columns
    reject_by_language(batch.column("caption"), codes, scores, settings, decision)
    return decision.split(with_languages(batch, languages), Stage.LANGUAGE)


def with_languages(batch: pa.RecordBatch, languages: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the batch with LANGUAGE_SCHEMA's columns first and the carried ones after them."""
    carried = [name for name in batch.schema.names if name not in READ_SCHEMA.names]
    columns = [(languages if name in languages.schema.names else batch).column(name) for name in LANGUAGE_SCHEMA.names]
    schema = pa.schema([*LANGUAGE_SCHEMA, *(batch.schema.field(name) for name in carried)])
    return pa.RecordBatch.from_arrays([*columns, *(batch.column(name) for name in carried)], schema=schema)
