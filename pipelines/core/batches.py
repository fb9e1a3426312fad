"""Record batches in Beam: their coder.

Arrow IPC, so that a slice never drags its whole parent buffer through a shuffle as a pickled one does.
"""

from __future__ import annotations

import struct

import pyarrow as pa
from apache_beam.coders import Coder
from apache_beam.coders import registry as coder_registry

from babelsift.pipelines.core.parking.disk import parked, unparked

_ZSTD = pa.Codec("zstd")
_SIZE = struct.Struct("<Q")  # before the compressed bytes: how many they were


def encode_batch(batch: pa.RecordBatch) -> bytes:
    """Returns a batch as a zstd-compressed Arrow IPC stream; equal batches give equal bytes.

    The stream is compressed as a whole. Arrow's own compression takes each buffer on its own, and leaves the schema as
    it is: for a batch of a few rows, of which a shuffle to many partitions has the most, that is three times the bytes.
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    stream = sink.getvalue()
    return _SIZE.pack(stream.size) + _ZSTD.compress(stream, asbytes=True)


def decode_batch(encoded: bytes | memoryview) -> pa.RecordBatch:
    """Returns the batch that `encode_batch` wrote."""
    (size,) = _SIZE.unpack_from(encoded)
    stream = _ZSTD.decompress(memoryview(encoded)[_SIZE.size :], size)
    with pa.ipc.open_stream(stream) as reader:
        return reader.read_next_batch()


class RecordBatchCoder(Coder):
    """Encodes a pyarrow.RecordBatch by `encode_batch`, or where its bytes wait on disk: see `parking`."""

    def encode(self, value: pa.RecordBatch) -> bytes:
        """Returns the batch, or a reference to it."""
        return parked(encode_batch(value))

    def decode(self, encoded: bytes) -> pa.RecordBatch:
        """Returns the batch that `encode` wrote."""
        return decode_batch(unparked(encoded))

    def estimate_size(self, value: pa.RecordBatch) -> int:
        """Returns the batch's bytes in memory: Beam samples sizes, and would encode, and park, for each sample."""
        return value.nbytes

    def is_deterministic(self) -> bool:
        """Bytes depend on nothing but the batch; references do, but no batch is ever a key."""
        return True

    def to_type_hint(self) -> type:
        """The type this coder is for."""
        return pa.RecordBatch


coder_registry.register_coder(pa.RecordBatch, RecordBatchCoder)


def concat(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Returns the rows of one or more batches of one schema as a single batch."""
    if len(batches) == 1:
        return batches[0]
    return pa.concat_batches(batches)
