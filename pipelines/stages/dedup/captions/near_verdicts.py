"""Which captions are near-duplicates: what `FindNearCaptions` found, looked up batch by batch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import CAPTION_LINK, DigestIndex, comparable_captions
from babelsift.filters.uids import digests, uid_bytes
from babelsift.pipelines.core.groups.lowest_per_digest import batch_row_keys, kept_rows
from babelsift.pipelines.stages.dedup.captions.compared_captions import is_compared
from babelsift.schemas import Decision, RejectReason
from babelsift.schemas.recipe import NearCaptions


class NearVerdicts:
    """Rejects the rows whose caption is nearly that of a row that is kept.

    Args:
        settings: those of `FindNearCaptions`.
        equal, near: its two outputs.
    """

    def __init__(self, settings: NearCaptions, equal: Iterable[bytes], near: Iterable[bytes]) -> None:
        self._settings = settings
        self._equal = kept_rows(equal)
        self._links = np.frombuffer(b"".join(near), dtype=CAPTION_LINK)
        self._linked = DigestIndex(self._links["uid"])

    def reject(self, batch: pa.RecordBatch, decision: Decision) -> None:
        """Rejects the near-duplicates of a batch with uid, caption, source_file and source_row."""
        compared = comparable_captions(batch.column("caption"))
        equal = self._equal.duplicate_of(digests(compared), batch_row_keys(batch), uid_bytes(batch.column("uid")))
        uids = uid_bytes(batch.column("uid"))
        # A row with another row's caption shares that row's fate: it duplicates that row, or what that row is near to.
        if len(self._equal.records):
            uids = np.where(equal >= 0, self._equal.records["uid"][equal], uids)
        near = self._linked.position_of(uids)
        is_duplicate = ((equal >= 0) | (near >= 0)) & is_compared(compared, self._settings)
        values = np.full(len(batch), None, dtype=object)
        for row in np.flatnonzero(is_duplicate):
            link = self._links[near[row]] if near[row] >= 0 else None
            kept_uid, jaccard = (uids[row], 1.0) if link is None else (link["survivor"], link["jaccard"])
            values[row] = f"{kept_uid.tobytes().hex()} at {jaccard:.4g}"
        threshold = self._settings.min_jaccard
        decision.reject(is_duplicate, RejectReason.NEAR_DUPLICATE_CAPTION, values=values, threshold=threshold)
