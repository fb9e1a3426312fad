"""Captions in the form in which they are compared, of the rows that no other row equals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import comparable_captions
from babelsift.filters.strings import DIGIT, LETTER, MARK, flatten
from babelsift.filters.uids import digests, uid_bytes
from babelsift.pipelines.core.batches import concat, decode_batch, encode_batch
from babelsift.pipelines.core.groups.look_up import Answered
from babelsift.pipelines.core.groups.lowest_per_digest import Digest, batch_row_keys, kept_rows
from babelsift.pipelines.core.shuffled_pieces import batch_pieces
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.schemas.recipe import NearCaptions

EQUAL_PAIRS = "equal_pairs"  # the table of digest records of pairs that several rows have
COMPARED = "compared"  # the column of captions in comparable form
_PAIR = ["uid", "source_file", "source_row"]


class SelectCompared(beam.DoFn):
    """Yields what is compared of a batch: the rows that duplicate no other, of enough characters.

    Input: `Answered` batches with uid, caption, source_file, source_row, and of the table EQUAL_PAIRS the digest
    records of rows that have duplicates. Output: batches with uid, source_file, source_row and `compared`.

    Args:
        settings: of the comparison.
        digest: the digest that the records are of.
    """

    def __init__(self, settings: NearCaptions, digest: Digest) -> None:
        self._settings = settings
        self._digest = digest
        self._kept = OncePerBundle(kept_rows)

    def process(self, element: Answered) -> Iterator[pa.RecordBatch]:
        """Yields a batch where any row is left."""
        kept = self._kept.of(element.answers[EQUAL_PAIRS])
        for batch in element.batches:
            uids = uid_bytes(batch.column("uid"))
            is_kept = kept.duplicate_of(self._digest(batch), batch_row_keys(batch), uids) < 0
            compared = comparable_captions(batch.column("caption"))
            rows = np.flatnonzero(is_kept & is_compared(compared, self._settings))
            if len(rows):
                columns = [*batch.select(_PAIR).columns, compared]
                yield pa.RecordBatch.from_arrays(columns, names=[*_PAIR, COMPARED]).take(pa.array(rows))


def is_compared(compared: pa.Array, settings: NearCaptions) -> np.ndarray:
    """Returns bool[n]: whether a caption in comparable form has enough characters to be compared."""
    points = flatten(compared)
    return points.count(points.has(LETTER | MARK | DIGIT)) >= settings.min_characters


def compared_digests(batch: pa.RecordBatch) -> np.ndarray:
    """Returns S16[n], digests of the captions in comparable form."""
    return digests(batch.column(COMPARED))


def pack_captions(uids: np.ndarray, compared: pa.Array) -> Iterator[bytes]:
    """Yields captions in comparable form and the uids of their pairs, V16[n], as bytes, in pieces for a shuffle."""
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(uids), [None, pa.py_buffer(uids.tobytes())])
    yield from map(encode_batch, batch_pieces(pa.RecordBatch.from_arrays([column, compared], names=["uid", COMPARED])))


def unpack_captions(packed: Iterable[bytes]) -> tuple[np.ndarray, pa.Array]:
    """Returns (V16[n] uids, large_string[n] captions) of what `pack_captions` packed, one after the other."""
    batches = [decode_batch(captions) for captions in packed]
    if not batches:
        return np.empty(0, dtype="V16"), pa.array([], pa.large_string())
    whole = concat(batches)
    content = whole.column("uid").buffers()[1]
    return np.frombuffer(content, "V16", len(whole), 16 * whole.column("uid").offset), whole.column(COMPARED)
