"""Drawn pairs as the read stage gives them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from babelsift.filters.uids import compute_uids
from babelsift.schemas import READ_SCHEMA


def read_pairs(
    urls: Sequence[str], captions: Sequence[str], rows: np.ndarray, *, source_file: str = "drawn"
) -> pa.RecordBatch:
    """Returns a batch of READ_SCHEMA.

    Args:
        urls: n.
        captions: n.
        rows: int[n], their rows in the table.
        source_file: of all of them.
    """
    of_urls, of_captions = pa.array(urls, pa.string()), pa.array(captions, pa.string())
    columns = [
        compute_uids(of_urls, of_captions),
        of_urls,
        of_captions,
        pa.array([source_file] * len(urls)),
        pa.array(rows, pa.int64()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=READ_SCHEMA)
