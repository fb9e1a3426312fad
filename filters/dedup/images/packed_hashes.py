"""Records of hashes as bytes, for a shuffle: column by column, of a column of equal values one.

Where no crops are compared and captions tell nothing apart, a record is 48 bytes, not 96.
"""

from __future__ import annotations

import numpy as np

from babelsift.filters.dedup.images.hash_bands import IMAGE_HASHES

_NAMES = IMAGE_HASHES.names or ()


def pack_image_hashes(records: np.ndarray) -> bytes:
    """Returns records as bytes; no records as no byte.

    Args:
        records: IMAGE_HASHES[n].

    >>> len(pack_image_hashes(np.zeros(1000, IMAGE_HASHES)))
    101
    """
    if not len(records):
        return b""
    flags, columns = 0, []
    for number, name in enumerate(_NAMES):
        column = np.ascontiguousarray(records[name]).view(np.uint8).reshape(len(records), -1)
        is_one = bool((column == column[0]).all())
        flags |= is_one << number
        columns.append(column[:1] if is_one else column)
    return b"".join([bytes([flags]), len(records).to_bytes(4, "little"), *(column.tobytes() for column in columns)])


def unpack_image_hashes(packed: bytes) -> np.ndarray:
    """Returns the IMAGE_HASHES[n] that `pack_image_hashes` packed.

    Args:
        packed: from `pack_image_hashes`.
    """
    if not packed:
        return np.empty(0, IMAGE_HASHES)
    flags, rows, start = packed[0], int.from_bytes(packed[1:5], "little"), 5
    records = np.empty(rows, IMAGE_HASHES)
    for number, name in enumerate(_NAMES):
        kind = IMAGE_HASHES[name]
        stored = 1 if flags >> number & 1 else rows
        records[name] = np.frombuffer(packed, kind, stored, start)
        start += stored * kind.itemsize
    return records
