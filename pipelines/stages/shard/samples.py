"""The rows of samples: which sample a pair belongs to, and its place there."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from babelsift.pipelines.stages.shard.choose_texts import SAMPLE_UID, TEXT_RANK


def sample_uids(rows: pa.RecordBatch | pa.Table) -> pa.StringArray:
    """Returns string[n], the uid that stands for each pair's sample; its own, where no texts were chosen."""
    column = rows.column(SAMPLE_UID if SAMPLE_UID in rows.schema.names else "uid")
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def text_ranks(rows: pa.RecordBatch | pa.Table) -> np.ndarray:
    """Returns int[n], each pair's place among the texts of its sample, from 0."""
    if TEXT_RANK not in rows.schema.names:
        return np.zeros(len(rows), np.int32)
    return rows.column(TEXT_RANK).to_numpy()
