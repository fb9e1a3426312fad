"""The uids by which scores are stored."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.uids import compute_uids
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
