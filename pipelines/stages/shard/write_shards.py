"""Stage shard: the survivors in an order shuffled by the seed, exactly N to a webdataset tar, byte for byte the same.

The order is cut into shards by rank without moving a row: sort keys (24 bytes) are counted and cut in ranges, then each
row knows its shard, and the rows (metadata only) cross one shuffle. Image bytes are read from staging by range.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.shard_order import SORT_KEY, bucket_of, first_keys_in_bucket, is_held_out, shard_of, sort_keys
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.shuffled_pieces import array_pieces
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.core.wait_for import wait_for
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.shard_layout import TRAIN, VALIDATION, Split
from babelsift.pipelines.stages.shard.samples import sample_uids, text_ranks
from babelsift.pipelines.stages.shard.shard_writer import write_shard
from babelsift.pipelines.staging.images import ReadImages, read_staged_images
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas.recipe import ShardSettings

_BUCKETS = 256


@dataclass
class WriteShards(Transform):
    """Writes the product's shards.

    Input: batches with DOWNLOAD_SCHEMA's columns, the similarities and the carried columns, as `ChooseTexts` gives
        them; uids are unique. Without its columns each pair is a sample of its own.
    Output: one dict a shard: see `shard_writer.write_shard`.

    Attributes:
        stores: of the models whose embeddings are written beside the shards.
        after: nothing is written before it is there.
        read: reads staged images; importable.
    """

    folder: RunFolder
    settings: ShardSettings
    seed: int
    stores: tuple[ScoreStore, ...] = ()
    after: beam.PCollection | None = None
    read: ReadImages = read_staged_images

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[dict]:
        """Parts validation from training, where that is asked for, and writes the shards of each."""
        if self.settings.validation_fraction is None:
            return batches | "Train" >> self._write(TRAIN)
        split = beam.FlatMap(split_held_out, self.settings.validation_fraction)
        typed = split.with_output_types(pa.RecordBatch, **{VALIDATION.name: pa.RecordBatch})
        parts = batches | "Split" >> typed.with_outputs(VALIDATION.name, main=TRAIN.name)
        return (
            parts[TRAIN.name] | "Train" >> self._write(TRAIN),
            parts[VALIDATION.name] | "Validation" >> self._write(VALIDATION),
        ) | "Both" >> beam.Flatten()

    def _write(self, split: Split) -> WriteSplit:
        size = self.settings.samples_per_shard
        return WriteSplit(self.folder, size, self.seed, split, self.stores, self.after, read=self.read)


def split_held_out(batch: pa.RecordBatch, fraction: float) -> Iterator[pa.RecordBatch | beam.pvalue.TaggedOutput]:
    """Yields the rows to train with and, tagged, those to validate with."""
    held_out = is_held_out(sample_uids(batch), fraction)
    if not held_out.all():
        yield batch.filter(pa.array(~held_out))
    if held_out.any():
        yield beam.pvalue.TaggedOutput(VALIDATION.name, batch.filter(pa.array(held_out)))


@dataclass
class WriteSplit(Transform):
    """Writes the shards of one split; see `WriteShards`."""

    folder: RunFolder
    samples_per_shard: int
    seed: int
    split: Split
    stores: tuple[ScoreStore, ...] = ()
    after: beam.PCollection | None = None
    read: ReadImages = read_staged_images

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[dict]:
        """Brings the rows of each shard together and writes the shards."""
        shards = batches | "Group" >> GroupShards(self.samples_per_shard, self.seed)
        write = ShardOfRows(self.folder, self.samples_per_shard, self.seed, self.split, self.stores, self.read)
        return shards | "Write" >> beam.MapTuple(write, *wait_for(self.after))


@dataclass(frozen=True)
class ShardOfRows:
    """Writes a shard of the rows that belong to it; its fields are those of `WriteSplit`."""

    folder: RunFolder
    samples_per_shard: int
    seed: int
    split: Split
    stores: tuple[ScoreStore, ...]
    read: ReadImages

    def __call__(self, shard: int, batches: Iterable[pa.RecordBatch], after: object = None) -> dict[str, Any]:
        """Returns what `write_shard` does."""
        return write_shard(
            self.folder,
            shard,
            ordered_rows(batches, self.seed),
            samples_per_shard=self.samples_per_shard,
            split=self.split,
            stores=self.stores,
            read=self.read,
        )


@dataclass
class GroupShards(Transform):
    """Brings the rows of each shard together: (shard's number, its batches in any order)."""

    samples_per_shard: int
    seed: int

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[tuple[int, Iterable]]:
        """Finds where the shards begin and sends each row to its shard."""
        first_keys = batches | "FindFirstKeys" >> FindFirstKeys(self.samples_per_shard, self.seed)
        split = beam.ParDo(SplitByPartition(ShardOf(self.seed)), beam.pvalue.AsList(first_keys))
        return (
            batches
            | "ToShard" >> split.with_output_types(tuple[int, pa.RecordBatch])
            | "GroupShard" >> beam.GroupByKey()
        )


def ordered_rows(batches: Iterable[pa.RecordBatch], seed: int) -> pa.Table:
    """Returns the rows of one shard in the order that the seed gives them."""
    rows = pa.Table.from_batches(list(batches)).combine_chunks()
    order = np.lexsort((text_ranks(rows), sort_keys(sample_uids(rows), seed)))
    # Column by column, so that there is one column twice, not the whole.
    columns, schema = rows.columns, rows.schema
    del rows
    for index, column in enumerate(columns):
        columns[index] = column.take(pa.array(order))
    return pa.Table.from_arrays(columns, schema=schema)


@dataclass
class FindFirstKeys(Transform):
    """Finds the first sort key of each shard but the first: packed S24 arrays, one a range of keys."""

    samples_per_shard: int
    seed: int

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[bytes]:
        """Counts keys in ranges, then ranks the keys of each range."""
        keys = (
            batches
            | "Keys" >> beam.ParDo(_SortKeys(self.seed)).with_output_types(tuple[int, Packed])
            | "GroupRange" >> beam.GroupByKey()
            | "Join" >> beam.MapTuple(join_keys).with_output_types(tuple[int, Packed])
        )
        counts = keys | "Count" >> beam.MapTuple(count_keys) | "AllCounts" >> beam.combiners.ToDict()
        return keys | "Rank" >> beam.Map(first_keys_of_range, beam.pvalue.AsSingleton(counts), self.samples_per_shard)


class _SortKeys(BundleBuffer):
    """Yields (range, packed sort keys) of the samples' rows."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    def chunk_of(self, element: pa.RecordBatch, side_input: Any) -> np.ndarray:
        return sort_keys(sample_uids(element.filter(pa.array(text_ranks(element) == 0))), self._seed)

    def by_partition(self, chunks: Sequence[np.ndarray]) -> Iterator[tuple[int, bytes]]:
        keys = np.concatenate(chunks)
        buckets = bucket_of(keys, _BUCKETS)
        order = np.argsort(buckets, kind="stable")
        bounds = np.searchsorted(buckets[order], np.arange(_BUCKETS + 1))
        for bucket in np.flatnonzero(np.diff(bounds)):
            for piece in array_pieces(keys[order[bounds[bucket] : bounds[bucket + 1]]]):
                yield int(bucket), piece.tobytes()


def join_keys(bucket: int, parts: Iterable[bytes]) -> tuple[int, bytes]:
    """Returns (range, all its packed keys)."""
    return bucket, b"".join(parts)


def count_keys(bucket: int, packed: bytes) -> tuple[int, int]:
    """Returns (range, its number of keys)."""
    return bucket, len(packed) // SORT_KEY.itemsize


def first_keys_of_range(keys: tuple[int, bytes], counts: Mapping[int, int], samples_per_shard: int) -> bytes:
    """Returns the packed keys of one (range, packed keys) with which shards begin."""
    bucket, packed = keys
    rank_before = sum(rows for other, rows in counts.items() if other < bucket)
    return first_keys_in_bucket(np.frombuffer(packed, dtype=SORT_KEY), rank_before, samples_per_shard).tobytes()


@dataclass(frozen=True)
class ShardOf:
    """Says which shard each row of a batch belongs to, given the packed first_keys."""

    seed: int

    def __call__(self, batch: pa.RecordBatch, packed_first_keys: Iterable[bytes]) -> np.ndarray:
        """Returns int64[n]."""
        first_keys = np.sort(np.frombuffer(b"".join(packed_first_keys), dtype=SORT_KEY))
        return shard_of(sort_keys(sample_uids(batch), self.seed), first_keys)
