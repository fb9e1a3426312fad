"""Which captions are near-duplicates: what `FindNearCaptions` found, looked up batch by batch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import CAPTION_LINK, DigestIndex
from babelsift.filters.uids import uid_bytes
from babelsift.pipelines.core.groups.look_up import one_a_key
from babelsift.schemas import Decision, RejectReason
from babelsift.schemas.recipe import NearCaptions


class NearVerdicts:
    """Rejects the rows whose caption is nearly that of a row that is kept.

    Args:
        settings: those of `FindNearCaptions`.
        near: its output, packed CAPTION_LINK arrays.
    """

    def __init__(self, settings: NearCaptions, near: Iterable[bytes]) -> None:
        self._settings = settings
        self._links = one_a_key(near, CAPTION_LINK)
        self._linked = DigestIndex(self._links["uid"])

    def reject(self, batch: pa.RecordBatch, decision: Decision) -> None:
        """Rejects the near-duplicates of a batch with uid."""
        index = self._linked.position_of(uid_bytes(batch.column("uid")))
        values = np.full(len(batch), None, dtype=object)
        for row in np.flatnonzero(index >= 0):
            link = self._links[index[row]]
            values[row] = f"{link['survivor'].tobytes().hex()} at {link['jaccard']:.4g}"
        threshold = self._settings.min_jaccard
        decision.reject(index >= 0, RejectReason.NEAR_DUPLICATE_CAPTION, values=values, threshold=threshold)
