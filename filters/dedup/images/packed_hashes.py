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


def unpack_image_hashes(*packed: bytes) -> np.ndarray:
    """Returns the IMAGE_HASHES[n] that `pack_image_hashes` packed, one after another, none of them twice in memory.

    Args:
        packed: from `pack_image_hashes`.
    """
    counts = [int.from_bytes(chunk[1:5], "little") for chunk in packed]
    records, row = np.empty(sum(counts), IMAGE_HASHES), 0
    for chunk, rows in zip(packed, counts, strict=True):
        start = 5
        for number, name in enumerate(_NAMES if rows else ()):
            kind = IMAGE_HASHES[name]
            stored = 1 if chunk[0] >> number & 1 else rows
            records[name][row : row + rows] = np.frombuffer(chunk, kind, stored, start)
            start += stored * kind.itemsize
        row += rows
    return records
