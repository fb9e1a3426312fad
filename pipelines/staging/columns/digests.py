"""The digests by which columns' values are stored: equal things have equal digests, whatever row they are in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.uids import digests
from babelsift.schemas import READ_SCHEMA

_PLACE = ("source_file", "source_row")  # where a row stands says nothing of what it is


def thing_digests(rows: pa.RecordBatch, of: str) -> pa.FixedSizeBinaryArray:
    """Returns the digest of what each row's value is of: 16 bytes, no nulls.

    Args:
        rows: n rows; of images and pairs with DOWNLOAD_SCHEMA's columns.
        of: caption, url, row, image, pair or embedding.

    Returns:
        fixed_size_binary(16)[n].
    """
    numbers = _DIGESTS[of](rows)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(rows), [None, pa.py_buffer(numbers.tobytes())])


def partitions_of(keys: pa.FixedSizeBinaryArray, partitions: int) -> np.ndarray:
    """Returns int64[n], the partition that each digest leads to."""
    numbers = np.frombuffer(keys.buffers()[1], "<u8")[2 * keys.offset :][: 2 * len(keys) : 2]
    return (numbers % np.uint64(partitions)).astype(np.int64)


def _of_column(name: str) -> Callable[[pa.RecordBatch], np.ndarray]:
    return lambda rows: digests(rows.column(name))


def _of_row(rows: pa.RecordBatch) -> np.ndarray:
    names = [name for name in rows.schema.names if name not in _PLACE]
    assert set(READ_SCHEMA.names) - {*names, *_PLACE} == set()
    texts = [pa.array([repr(value) for value in rows.column(name).to_pylist()], pa.string()) for name in names]
    joined = pc.binary_join_element_wise(*texts, "\x1f")
    return digests(joined)


def _of_image(rows: pa.RecordBatch) -> np.ndarray:
    return digests(rows.column("sha256"), pc.cast(rows.column("image_size"), pa.string()))


def _of_pair(rows: pa.RecordBatch) -> np.ndarray:
    return digests(rows.column("sha256"), pc.cast(rows.column("image_size"), pa.string()), rows.column("caption"))


_DIGESTS: Mapping[str, Callable[[pa.RecordBatch], np.ndarray]] = {
    "caption": _of_column("caption"),
    "url": _of_column("url"),
    "row": _of_row,
    "image": _of_image,
    "pair": _of_pair,
    "embedding": _of_pair,
}
