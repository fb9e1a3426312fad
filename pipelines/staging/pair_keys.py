"""What tells pairs apart, or brings them together: the uids by which scores are stored, partitions by URL."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.uids import compute_uids, digests
from babelsift.schemas import CAPTION_CHANGES


def with_uids_as_scored(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Returns rows with the uid that url and caption have now, where the recipe's edits changed the caption.

    Scores are stored by it: with other edits the same pair is scored anew, and all pairs left alone are not.
    """
    if CAPTION_CHANGES.name not in rows.schema.names:
        return rows
    position = rows.schema.get_field_index("uid")
    now = compute_uids(rows.column("url"), rows.column("caption"))
    uids = pc.if_else(rows.column(CAPTION_CHANGES.name).is_valid(), now, rows.column(position))
    return rows.set_column(position, rows.schema.field(position), uids)


@dataclass(frozen=True)
class PartitionByUrl:
    """Says each row's partition by its URL, the column `url`; rows without a URL have one of their own."""

    partitions: int

    def __call__(self, batch: pa.RecordBatch) -> np.ndarray:
        """Returns int64[n], a partition a row."""
        numbers = np.frombuffer(digests(batch.column("url")).tobytes(), "<u8")[::2]
        return (numbers % np.uint64(self.partitions)).astype(np.int64)
