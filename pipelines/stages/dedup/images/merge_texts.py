"""Hands the texts of images that are left out to the images that are kept in their place.

1. Send. Pairs of duplicates, and pairs of images that are kept in the place of any, go to the partition of the image
   that is kept, by the uid that stands for it.
2. Merge. A duplicate's pair gets that image: where it lies, its hashes, its size. A text that the image has already is
   left out: of equal texts the lowest uid stays, the image's own before others.
3. Gather. Merged pairs join the pairs of the image's staging shard.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.uids import partition_of, uid_bytes
from babelsift.pipelines.core.batches import concat
from babelsift.pipelines.core.groups.co_group import CoGroup
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.core.stage_outputs import REJECTED, emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.dedup.duplicates_table import DUPLICATES
from babelsift.pipelines.stages.dedup.images.duplicate_images import EXACT_KINDS, KeptInstead
from babelsift.pipelines.staging.gather_shards import GatherShards
from babelsift.pipelines.staging.image_rows import image_rows
from babelsift.schemas import DOWNLOAD_SCHEMA, LANGUAGE_SCHEMA, Decision, RejectReason, Stage
from babelsift.schemas.columns import FURTHER_IMAGE_COLUMNS
from babelsift.schemas.duplicates import DUPLICATES_SCHEMA, TEXT_MERGED

# The columns that say what was found of a duplicate, until it is merged.
SURVIVOR, KIND, DISTANCE, VALUE = "survivor", "duplicate_kind", "duplicate_distance", "duplicate_value"
_FOUND = (SURVIVOR, KIND, DISTANCE, VALUE)
_OF_IMAGE = [name for name in DOWNLOAD_SCHEMA.names if name not in LANGUAGE_SCHEMA.names]
_OF_IMAGE += [field.name for field in FURTHER_IMAGE_COLUMNS]


@dataclass
class MergeTexts(Transform):
    """Merges the pairs of duplicates into the images that are kept.

    Input: {"kept": batches of DOWNLOAD_SCHEMA that are kept, "survivors": those of images that are kept in the place of
        any, with SURVIVOR, "duplicates": pairs of duplicates of this run, with SURVIVOR, KIND, DISTANCE and VALUE}.
    Outputs: kept: one batch a staging shard. REJECTED: texts that their image has already. DUPLICATES: of duplicates.

    Attributes:
        partitions: results do not depend on how many.
    """

    partitions: int

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> dict[str, beam.PCollection]:
        """Brings duplicates and the images that are kept together."""
        grouped = {
            name: inputs[name]
            | f"Split_{name}"
            >> beam.ParDo(SplitByPartition(SurvivorPartition(self.partitions))).with_output_types(
                tuple[int, pa.RecordBatch]
            )
            for name in ("survivors", "duplicates")
        }
        step = kept_and_rejected(beam.FlatMap(merge_partition), {DUPLICATES: pa.RecordBatch})
        merged = grouped | "Meet" >> CoGroup() | "Merge" >> step
        kept = (inputs["kept"], merged.kept) | "All" >> beam.Flatten() | "OneBatchAShard" >> GatherShards()
        return {"kept": kept, REJECTED: merged[REJECTED], DUPLICATES: merged[DUPLICATES]}


@dataclass(frozen=True)
class SurvivorPartition:
    """Says which partition each row belongs to, by the image that is kept."""

    partitions: int

    def __call__(self, batch: pa.RecordBatch) -> np.ndarray:
        """Returns int64[n]."""
        return partition_of(batch.column(SURVIVOR), self.partitions)


def images_of(batch: pa.RecordBatch) -> np.ndarray:
    """Returns V16[n], for each row the uid that stands for its image."""
    return uid_bytes(batch.column("uid"))[image_rows(batch).standing_row]


def with_survivors(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns pairs with the uid that stands for their image as SURVIVOR."""
    uids = batch.column("uid").take(pa.array(image_rows(batch).standing_row))
    return batch.append_column(SURVIVOR, uids)


def to_merge(batch: pa.RecordBatch, kept_instead: KeptInstead, values: list[str | None]) -> pa.RecordBatch:
    """Returns pairs with what was found of each: the image that is kept in its place, and how near that is."""
    survivors = pa.array([uid.tobytes().hex() for uid in kept_instead.uids], pa.string())
    found = (survivors, pa.array(kept_instead.kind, pa.string()), pa.array(kept_instead.distance, pa.int32()))
    for name, column in zip(_FOUND, (*found, pa.array(values, pa.string())), strict=True):
        batch = batch.append_column(name, column)
    return batch


def tagged(tag: str, batch: pa.RecordBatch) -> Iterator[beam.pvalue.TaggedOutput]:
    """Yields a batch under a tag, where it has rows."""
    if len(batch):
        yield beam.pvalue.TaggedOutput(tag, batch)


def merge_partition(element: tuple[int, Mapping[str, Iterable[pa.RecordBatch]]]) -> Iterator[Any]:
    """Yields the merged pairs of a partition, the others as ledger rows, and all as DUPLICATES_SCHEMA."""
    _, grouped = element
    duplicates, survivors = (list(grouped[name]) for name in ("duplicates", "survivors"))
    if not duplicates:
        return
    rows, images = concat(duplicates).sort_by("uid"), concat(survivors).sort_by("uid")
    has_text = _has_text_already(rows, images)
    decision = Decision.keep_all(len(rows))
    is_exact = np.isin(np.asarray(rows.column(KIND).to_pylist(), dtype=object), EXACT_KINDS)
    decision.reject(has_text & is_exact, RejectReason.DUPLICATE_IMAGE, values=rows.column(VALUE))
    decision.reject(has_text, RejectReason.NEAR_DUPLICATE_IMAGE, values=rows.column(VALUE))
    index = pc.index_in(rows.column(SURVIVOR), value_set=images.column(SURVIVOR))
    merged = rows
    for name in (name for name in _OF_IMAGE if name in rows.schema.names):
        place = merged.schema.get_field_index(name)
        merged = merged.set_column(place, merged.schema.field(name), images.column(name).take(index))
    kept, rejected = decision.split(merged.drop_columns(list(_FOUND)), Stage.DEDUP_IMAGES)
    yield from emit(Stage.DEDUP_IMAGES, 0, [kept], [rejected])
    yield beam.pvalue.TaggedOutput(DUPLICATES, duplicates_table(rows, ~has_text))


def _has_text_already(rows: pa.RecordBatch, images: pa.RecordBatch) -> np.ndarray:
    """Returns bool[n], the rows whose caption their image has by itself or by a row before."""
    seen = set(zip(images.column(SURVIVOR).to_pylist(), images.column("caption").to_pylist(), strict=True))
    has_text = np.zeros(len(rows), dtype=bool)
    for row, text in enumerate(zip(rows.column(SURVIVOR).to_pylist(), rows.column("caption").to_pylist(), strict=True)):
        has_text[row] = text in seen
        seen.add(text)
    return has_text


def duplicates_table(rows: pa.RecordBatch, is_merged: np.ndarray) -> pa.RecordBatch:
    """Returns duplicates of this run as DUPLICATES_SCHEMA and TEXT_MERGED."""
    count = len(rows)
    columns = {
        "uid": rows.column("uid"),
        "survivor": rows.column(SURVIVOR),
        "kind": rows.column(KIND),
        "distance": rows.column(DISTANCE),
        "earlier_run": [False] * count,
        "cosine": [None] * count,
        "report_only": [False] * count,
        TEXT_MERGED.name: is_merged.tolist(),
    }
    schema = pa.schema([*DUPLICATES_SCHEMA, TEXT_MERGED])
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[name], schema.field(name).type) for name in schema.names], schema=schema
    )
