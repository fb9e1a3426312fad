"""Stage rules: what decides a pair's fate by its caption and its URL alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics import Metrics

from filters.rules import reject_by_captions, reject_by_urls
from pipelines.batches import REJECTED, emit
from schemas import READ_SCHEMA, Decision, Stage, check
from schemas.recipe import CaptionRules, UrlRules


@dataclass
class FilterPairs(beam.PTransform):
    """Keeps the pairs whose caption and URL break no rule that is on.

    Input and main output: batches with READ_SCHEMA's columns. REJECTED: the others, by the first rule they break.
    """

    captions: CaptionRules
    urls: UrlRules

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Decides each batch on its own."""
        return batches | "Filter" >> beam.ParDo(_Filter(self.captions, self.urls)).with_outputs(REJECTED, main="kept")


class _Filter(beam.DoFn):
    def __init__(self, captions: CaptionRules, urls: UrlRules) -> None:
        self._captions = captions
        self._urls = urls

    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        started = time.monotonic()
        check(element, READ_SCHEMA, where="rules")
        decision = Decision.keep_all(len(element))
        reject_by_urls(element.column("url"), self._urls, decision)
        reject_by_captions(element.column("caption"), self._captions, decision)
        kept, rejected = decision.split(element, Stage.RULES)
        Metrics.counter(Stage.RULES.value, "filter_msec").inc(round(1000 * (time.monotonic() - started)))
        yield from emit(Stage.RULES, len(element), [kept], [rejected])
