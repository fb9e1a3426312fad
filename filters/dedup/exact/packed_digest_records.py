"""Digest records as bytes, for a shuffle: column by column, without the columns that say nothing.

Where the uid is itself the digest (pairs by url and caption) and no digest came twice, a record is 24 bytes, not 48.
"""

from __future__ import annotations

import numpy as np

from babelsift.filters.dedup.exact.lowest_per_digest import DIGEST_RECORD

# In the first byte: which columns are left out.
_UID_IS_DIGEST, _ONE_ROW_EACH = 1, 2


def pack_digest_records(records: np.ndarray) -> bytes:
    """Returns records as bytes; no records as no byte.

    Args:
        records: DIGEST_RECORD[n].
    """
    if not len(records):
        return b""
    left_out, columns = 0, [records["digest"]]
    # As numbers: void scalars are compared one by one.
    digests, uids = (np.ascontiguousarray(records[name]).view("<u8") for name in ("digest", "uid"))
    if np.array_equal(digests, uids):
        left_out |= _UID_IS_DIGEST
    else:
        columns.append(records["uid"])
    columns.append(records["row_key"])
    if (records["rows"] == 1).all():
        left_out |= _ONE_ROW_EACH
    else:
        columns.append(records["rows"])
    return b"".join([bytes([left_out]), *(column.tobytes() for column in columns)])


def unpack_digest_records(packed: bytes) -> np.ndarray:
    """Returns the DIGEST_RECORD[n] that `pack_digest_records` packed.

    Args:
        packed: from `pack_digest_records`.

    Raises:
        ValueError: the bytes are no packed records.
    """
    if not packed:
        return np.empty(0, dtype=DIGEST_RECORD)
    left_out = packed[0]
    absent = {"uid"} if left_out & _UID_IS_DIGEST else set()
    absent |= {"rows"} if left_out & _ONE_ROW_EACH else set()
    kinds = {name: DIGEST_RECORD[name] for name in DIGEST_RECORD.names or () if name not in absent}
    rows, rest = divmod(len(packed) - 1, sum(kind.itemsize for kind in kinds.values()))
    if rest:
        raise ValueError(f"{len(packed)} bytes are no packed digest records")
    records = np.empty(rows, dtype=DIGEST_RECORD)
    records["rows"] = 1
    start = 1
    for name, kind in kinds.items():
        records[name] = np.frombuffer(packed, kind, rows, start)
        start += rows * kind.itemsize
    if "uid" in absent:
        records["uid"] = records["digest"]
    return records
