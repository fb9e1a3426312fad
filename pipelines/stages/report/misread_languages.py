"""Warns where short captions in plain ASCII letters were left out as languages that they may not be in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.text import count_spaced_words
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import IN, RejectReason, Stage
from babelsift.schemas.languages import UNDETERMINED

MAX_WORDS = 5
MIN_ROWS = 100
MIN_SHARE = 0.01
_NAMED_LANGUAGES = 6


@dataclass
class MisreadLanguageWarnings(Transform):
    """Emits a list of one sentence where many short ASCII captions were left out by their language.

    Language models are sure and wrong on names of products and short phrases: where English is kept, much of what is
    called another Latin-script language is English.

    Input: {"rejected": ledger batches, "counts": the single {(stage, outcome, language): rows} of `CountRows`}.
    """

    def expand(self, inputs: dict[str, beam.PCollection]) -> beam.PCollection[list]:
        """Counts the captions a language, and says it where they are many."""
        by_language = (
            inputs["rejected"]
            | "Short" >> beam.FlatMap(short_ascii_rows).with_output_types(tuple[str, int])
            | "Sum" >> beam.CombinePerKey(sum)
            | "Gather" >> beam.combiners.ToDict()
        )
        counts = beam.pvalue.AsSingleton(inputs["counts"])
        return by_language | "Say" >> beam.FlatMap(misread_sentences, counts)


def short_ascii_rows(batch: pa.RecordBatch) -> Iterator[tuple[str, int]]:
    """Yields (language, rows) of a ledger batch's short ASCII captions that were left out by their language."""
    captions, languages = batch.column("caption"), batch.column("language")
    is_misread = pc.and_(
        pc.equal(batch.column("reason"), RejectReason.LANGUAGE_NOT_KEPT.value),
        pc.and_(pc.string_is_ascii(captions), pc.less_equal(count_spaced_words(captions), MAX_WORDS)),
    )
    asked = pc.and_(is_misread, pc.not_equal(languages, UNDETERMINED))
    for counted in languages.filter(pc.fill_null(asked, False)).value_counts().to_pylist():
        yield counted["values"], counted["counts"]


def misread_sentences(by_language: dict[str, int], counts: dict) -> Iterator[list[str]]:
    """Yields a list of one sentence where the captions are many among those that reached the language stage."""
    total = sum(by_language.values())
    reached = sum(
        rows for (stage, outcome, _), rows in counts.items() if stage == Stage.LANGUAGE.value and outcome == IN
    )
    if total < max(MIN_ROWS, MIN_SHARE * reached):
        return
    most = sorted(by_language.items(), key=lambda entry: (-entry[1], entry[0]))[:_NAMED_LANGUAGES]
    named = ", ".join(f"{language} {rows}" for language, rows in most)
    yield [
        f"{total} captions of at most {MAX_WORDS} words in plain ASCII letters were left out by their language "
        f"({named}): many of them may be names or English; look at them in rejects/."
    ]
