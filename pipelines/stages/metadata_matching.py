"""Stage metadata: which metadata entries each caption matches, and which pairs match enough of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics import Metrics

from babelsift.filters.concepts import ConceptMatcher, has_min_matches
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import LANGUAGE_SCHEMA, MATCHED_ENTRIES, Decision, RejectReason, Stage, check
from babelsift.schemas.recipe import ConceptSettings


@dataclass
class MatchMetadata(Transform):
    """Adds `matched_entries` and keeps the pairs that match enough entries; without settings all pass as they are.

    Input: batches with LANGUAGE_SCHEMA's columns. Main output: those and `matched_entries` (list<int32>, positions in
    the list of the caption's language). REJECTED: pairs with fewer matches than the minimum.
    """

    settings: ConceptSettings | None

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Matches and decides each batch on its own."""
        return batches | "Match" >> kept_and_rejected(beam.ParDo(_Match(self.settings)))


class _Match(beam.DoFn):
    def __init__(self, settings: ConceptSettings | None) -> None:
        self._settings = settings

    def setup(self) -> None:
        """Builds the automata, once a process."""
        if self._settings is not None:
            self._matcher = ConceptMatcher(self._settings.entries, spacing=self._settings.spacing)
            self._matcher.load()

    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        if self._settings is None:
            yield from emit(Stage.METADATA, len(element), [element], [])
            return
        started = time.monotonic()
        check(element, LANGUAGE_SCHEMA, where="metadata")
        matches = self._matcher.match(element.column("caption"), element.column("language"))
        decision = Decision.keep_all(len(element))
        enough = has_min_matches(matches, minimum=self._settings.min_matches).to_numpy(zero_copy_only=False)
        counts = pc.list_value_length(matches)
        reason = RejectReason.NO_METADATA_MATCH
        decision.reject(~enough, reason, values=counts, threshold=self._settings.min_matches)
        kept, rejected = decision.split(element.append_column(MATCHED_ENTRIES, matches), Stage.METADATA)
        Metrics.counter(Stage.METADATA.value, "match_msec").inc(round(1000 * (time.monotonic() - started)))
        yield from emit(Stage.METADATA, len(element), [kept], [rejected])
