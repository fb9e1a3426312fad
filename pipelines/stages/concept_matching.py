"""Stage metadata: which concept entries (MetaCLIP's metadata) each caption matches, and which pairs match enough."""

from __future__ import annotations

from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.concepts import ConceptMatcher, has_min_matches
from babelsift.pipelines.core.decide_batches import DecideBatches, Verdict
from babelsift.pipelines.core.stage_outputs import PassAll, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import LANGUAGE_SCHEMA, MATCHED_ENTRIES, Decision, RejectReason, Stage, check
from babelsift.schemas.recipe import ConceptSettings


@dataclass
class MatchConcepts(Transform):
    """Adds `matched_entries` and keeps the pairs that match enough entries; without settings all pass as they are.

    Input: batches with LANGUAGE_SCHEMA's columns. Main output: those and `matched_entries` (list<int32>, positions in
    the list of the caption's language). REJECTED: pairs with fewer matches than the minimum.

    Attributes:
        settings: None: the stage is off.
    """

    settings: ConceptSettings | None

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Matches and decides each batch on its own."""
        step = PassAll(Stage.METADATA) if self.settings is None else _Match(self.settings)
        return batches | "Match" >> kept_and_rejected(beam.ParDo(step))


class _Match(DecideBatches):
    def __init__(self, settings: ConceptSettings) -> None:
        super().__init__(Stage.METADATA, "match")
        self._settings = settings

    def setup(self) -> None:
        """Builds the automata, once a process."""
        self._matcher = ConceptMatcher(self._settings.entries, spacing=self._settings.spacing)
        self._matcher.load()

    def decide(self, batch: pa.RecordBatch) -> Verdict:
        check(batch, LANGUAGE_SCHEMA, where="metadata")
        matches = self._matcher.match(batch.column("caption"), batch.column("language"))
        decision, minimum = Decision.keep_all(len(batch)), self._settings.min_matches
        enough = has_min_matches(matches, minimum=minimum).to_numpy(zero_copy_only=False)
        counts = pc.list_value_length(matches)
        decision.reject(~enough, RejectReason.NO_METADATA_MATCH, values=counts, threshold=minimum)
        return Verdict(*decision.split(batch.append_column(MATCHED_ENTRIES, matches), Stage.METADATA))
