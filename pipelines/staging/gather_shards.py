"""Bringing the rows of each staging shard together, after a step that went by something else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.pipelines.core.batches import concat
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.core.transform import Transform


@dataclass
class GatherShards(Transform):
    """Brings the rows of each staging shard together in one batch, as scoring wants them, sorted by uid."""

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
        """One shuffle of metadata."""
        split = beam.ParDo(SplitByPartition(staging_shards)).with_output_types(tuple[int, pa.RecordBatch])
        gathered = batches | "SplitByShard" >> split | "GroupByShard" >> beam.GroupByKey()
        return gathered | "Gather" >> beam.MapTuple(gather).with_output_types(pa.RecordBatch)


def staging_shards(batch: pa.RecordBatch) -> np.ndarray:
    """Returns int64[n], each row's staging shard."""
    return np.asarray(batch.column("staging_shard")).astype(np.int64)


def gather(_: int, batches: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """Returns a shard's rows as one batch."""
    return concat(list(batches)).sort_by("uid")
