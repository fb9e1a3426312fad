"""Stage image_columns: what is said of staged images and of pairs, after scoring."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.cores import usable_cores
from babelsift.filters.image import decode_rgb
from babelsift.pipelines.core.split_by_partition import split_rows
from babelsift.pipelines.core.stage_outputs import REJECTED, StageOutputs, emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.columns.early_conditions import COUNTS, PlacedConditions
from babelsift.pipelines.stages.columns.making import Making, Things
from babelsift.pipelines.stages.columns.resolved import ResolvedColumn
from babelsift.pipelines.staging.columns.column_store import Place
from babelsift.pipelines.staging.gather_shards import staging_shards
from babelsift.pipelines.staging.images import ReadImages, read_staged_images
from babelsift.pipelines.staging.scores.head_vectors import KINDS_OF_VECTORS, head_vectors
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.pipelines.staging.scores.stored_embeddings import read_embeddings
from babelsift.schemas import DOWNLOAD_SCHEMA, Stage, check, similarity_column
from babelsift.schemas.recipe import Column


@dataclass
class ImageColumns(Transform):
    """Adds the columns that are said of images, pairs and embeddings, and leaves out rows by the conditions on them.

    Input: batches with DOWNLOAD_SCHEMA's columns. Main output: the same with the columns. REJECTED: rows that do not
    meet a condition. COUNTS: how the columns' values are spread.

    Attributes:
        folder: the run folder.
        columns: those of images and pairs, in order.
        placed: the recipe's conditions.
        read: reads staged images.
        makes: whether what is not stored is made; if not, such rows are REJECTED as not stored.
        stores: column -> where the embeddings lie that it is of.
    """

    folder: RunFolder
    columns: tuple[ResolvedColumn, ...]
    placed: PlacedConditions
    read: ReadImages = read_staged_images
    makes: bool = True
    stores: Mapping[str, ScoreStore] = field(default_factory=dict)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> StageOutputs:
        """Makes the columns of each staging shard's rows."""
        made = batches | "Make" >> kept_and_rejected(beam.ParDo(_MakeImageColumns(self)), {COUNTS: dict})
        return StageOutputs({"kept": made.kept, REJECTED: made[REJECTED], COUNTS: made[COUNTS]})


def read_things(rows: pa.RecordBatch, column: Column, takes_pixels: bool, *, stage: ImageColumns) -> Things:
    """Returns the images of rows, of pairs their captions too, or their embeddings, as a maker takes them.

    Args:
        rows: DOWNLOAD_SCHEMA; where columns are of embeddings with similarities.
        column: of images, pairs or embeddings.
        takes_pixels: whether images are to be decoded: uint8[height, width, 3], RGB.
        stage: where images and embeddings lie.

    Returns:
        (the things that could be read, of each row why it could not).
    """
    if column.of == "embedding":
        return _read_embeddings(rows, stage.stores[column.name], column)
    images: list[Any] = stage.read(stage.folder, rows)
    faults: list[str | None] = [None] * len(rows)
    if takes_pixels:
        decoded = list(_decoders().map(decode_rgb, images))
        faults = [one if isinstance(one, str) else None for one in decoded]
        images = [one for one in decoded if not isinstance(one, str)]
    if column.of == "image":
        return (images,), faults
    good = np.flatnonzero([fault is None for fault in faults])
    return (images, rows.column("caption").take(pa.array(good))), faults


def _read_embeddings(rows: pa.RecordBatch, store: ScoreStore, column: Column) -> Things:
    """Returns what a column reads of the rows that the model has scored: float32[n, dimension], of both two of them."""
    kinds = KINDS_OF_VECTORS[column.vectors]
    is_scored = rows.column(similarity_column(store.name)).is_valid().to_numpy(zero_copy_only=False)
    faults = [None if scored else f"not scored by {store.name}" for scored in is_scored]
    if not is_scored.any():
        nothing = np.zeros((0, 1), np.float32)
        return (nothing,) * (2 if column.vectors == "both" else 1), faults
    table = pa.Table.from_batches([rows.filter(pa.array(is_scored))])
    stored = read_embeddings(store, table, kinds=kinds)
    parts = [stored[kind].astype(np.float32) for kind in kinds]
    return tuple(parts) if column.vectors == "both" else (head_vectors(column.vectors, parts),), faults


@cache
def _decoders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(usable_cores(), thread_name_prefix="columns-decode")


os.register_at_fork(after_in_child=_decoders.cache_clear)  # a fork has none of the threads


class _MakeImageColumns(beam.DoFn):
    def __init__(self, stage: ImageColumns) -> None:
        self._stage = stage

    def setup(self) -> None:
        stage = self._stage
        read = partial(read_things, stage=stage)
        models = {name: store.fingerprint for name, store in stage.stores.items()}
        self._making = Making(stage.folder, stage.columns, stage.placed, Stage.IMAGE_COLUMNS, read, stage.makes, models)

    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        check(element, DOWNLOAD_SCHEMA, where="image_columns")
        for shard, rows in split_rows(element, staging_shards(element)):
            made = self._making.of(rows, Place(shard))
            yield from emit(Stage.IMAGE_COLUMNS, len(rows), [made.kept], made.rejected)
            yield beam.pvalue.TaggedOutput(COUNTS, made.counts)

    def teardown(self) -> None:
        self._making.close()
