"""What OUT/concepts/LIST.parquet holds: for each entry of a list, the pairs that match it."""

from __future__ import annotations

import pyarrow as pa

CONCEPT_SCHEMA = pa.schema(
    [
        pa.field("entry", pa.int32(), nullable=False, metadata={"unit": "position in its list, from 0"}),
        pa.field("text", pa.string(), nullable=False),
        pa.field("before", pa.int64(), nullable=False, metadata={"unit": "pairs that match it, before balancing"}),
        pa.field("after", pa.int64(), nullable=False, metadata={"unit": "pairs that match it, after balancing"}),
    ]
)
