"""Stage rules: decides a pair's fate by its caption and its URL alone, after the edits that a recipe asks for."""

from __future__ import annotations

from dataclasses import dataclass, field

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.rules import reject_by_captions, reject_by_urls
from babelsift.filters.text import edit_captions
from babelsift.pipelines.core.decide_batches import DecideBatches, Verdict
from babelsift.pipelines.core.stage_outputs import kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import CAPTION_BEFORE, CAPTION_CHANGES, READ_SCHEMA, Decision, Stage, check
from babelsift.schemas.recipe import CaptionEdits, CaptionRules, UrlRules

EDITED = "edited"  # the tag of a further output: some of the kept rows that were edited, with CAPTION_BEFORE
_EDITED_A_BATCH = 6


@dataclass
class FilterPairs(Transform):
    """Edits captions as asked for, then keeps the pairs whose caption and URL break no rule that is on.

    Input and main output: batches with READ_SCHEMA's columns. REJECTED: the others, by the first rule they break. Where
    edits are on, kept batches have a further column `caption_changes`: what was changed in the caption, null for
    nothing; and EDITED has some of the captions that were changed, with what they were. The uid stays that of the pair
    as it was read, so that its image and its fate are found again.

    Attributes:
        captions, urls: the rules; a rule that is None is off.
        edits: what is changed in a caption before any rule sees it.
    """

    captions: CaptionRules
    urls: UrlRules
    edits: CaptionEdits = field(default_factory=CaptionEdits)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Decides each batch on its own."""
        decide = beam.ParDo(_Filter(self.captions, self.urls, self.edits))
        return batches | "Filter" >> kept_and_rejected(decide, {EDITED: pa.RecordBatch})


class _Filter(DecideBatches):
    def __init__(self, captions: CaptionRules, urls: UrlRules, edits: CaptionEdits) -> None:
        super().__init__(Stage.RULES, "filter")
        self._captions = captions
        self._urls = urls
        self._edits = edits

    def decide(self, batch: pa.RecordBatch) -> Verdict:
        check(batch, READ_SCHEMA, where="rules")
        before = batch.column("caption")
        if self._edits:
            batch = with_edited_captions(batch, self._edits)
        decision = Decision.keep_all(len(batch))
        reject_by_urls(batch.column("url"), self._urls, decision)
        reject_by_captions(batch.column("caption"), self._captions, decision)
        verdict = Verdict(*decision.split(batch, Stage.RULES))
        return verdict.with_rows(EDITED, edited_rows(batch, before, decision)) if self._edits else verdict


def with_edited_captions(batch: pa.RecordBatch, edits: CaptionEdits) -> pa.RecordBatch:
    """Returns the batch with its captions edited, and the column `caption_changes` after its own."""
    index = batch.schema.get_field_index("caption")
    field = batch.schema.field(index)
    captions, changes = edit_captions(batch.column(index), edits)
    return batch.set_column(index, field, captions.cast(field.type)).append_column(CAPTION_CHANGES, changes)


def edited_rows(batch: pa.RecordBatch, before: pa.Array, decision: Decision) -> pa.RecordBatch:
    """Returns the kept rows with the lowest uids whose captions were changed, with CAPTION_BEFORE.

    Args:
        batch: with edited captions and `caption_changes`, n rows.
        before: string[n], the captions before.
        decision: on the rows.
    """
    rows = pc.indices_nonzero(pc.and_(batch.column(CAPTION_CHANGES.name).is_valid(), pa.array(decision.kept)))
    lowest = pc.array_sort_indices(batch.column("uid").take(rows)).slice(0, _EDITED_A_BATCH)
    names = [*READ_SCHEMA.names, CAPTION_CHANGES.name]
    whole = batch.select(names).append_column(CAPTION_BEFORE, before.cast(CAPTION_BEFORE.type))
    return whole.take(rows.take(lowest))
