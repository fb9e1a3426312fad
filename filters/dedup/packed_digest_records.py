"""Claims as bytes, for a shuffle: column by column, without those columns that say nothing.

Where the uid is itself the digest (pairs by url and caption) and no digest came twice, a claim is 24 bytes, not 48.
"""

from __future__ import annotations

import numpy as np

from babelsift.filters.dedup.lowest_per_digest import CLAIM

# In the first byte: which columns are left out.
_UID_IS_DIGEST, _ONE_ROW_EACH = 1, 2


def pack_claims(claims: np.ndarray) -> bytes:
    """Returns CLAIM[n] as bytes; of none, no byte."""
    if not len(claims):
        return b""
    left_out, columns = 0, [claims["digest"]]
    # As numbers: void scalars are compared one by one.
    if np.array_equal(*(np.ascontiguousarray(claims[name]).view("<u8") for name in ("digest", "uid"))):
        left_out |= _UID_IS_DIGEST
    else:
        columns.append(claims["uid"])
    columns.append(claims["row_key"])
    if (claims["rows"] == 1).all():
        left_out |= _ONE_ROW_EACH
    else:
        columns.append(claims["rows"])
    return b"".join([bytes([left_out]), *(column.tobytes() for column in columns)])


def unpack_claims(packed: bytes) -> np.ndarray:
    """Returns the CLAIM[n] that `pack_claims` packed."""
    if not packed:
        return np.empty(0, dtype=CLAIM)
    left_out = packed[0]
    absent = {"uid"} if left_out & _UID_IS_DIGEST else set()
    absent |= {"rows"} if left_out & _ONE_ROW_EACH else set()
    kinds = {name: CLAIM[name] for name in CLAIM.names if name not in absent}
    rows, rest = divmod(len(packed) - 1, sum(kind.itemsize for kind in kinds.values()))
    if rest:
        raise ValueError(f"{len(packed)} bytes are no packed claims")
    claims = np.empty(rows, dtype=CLAIM)
    claims["rows"] = 1
    start = 1
    for name, kind in kinds.items():
        claims[name] = np.frombuffer(packed, kind, rows, start)
        start += rows * kind.itemsize
    if "uid" in absent:
        claims["uid"] = claims["digest"]
    return claims
