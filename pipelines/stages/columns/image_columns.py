"""Stage image_columns: what is said of staged images and of pairs, after scoring."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.image import decode_rgb
from babelsift.pipelines.core.split_by_partition import split_rows
from babelsift.pipelines.core.stage_outputs import REJECTED, StageOutputs, emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.decoding import usable_cores
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.columns.early_conditions import COUNTS, PlacedConditions
from babelsift.pipelines.stages.columns.making import Making, Things
from babelsift.pipelines.stages.columns.resolved import ResolvedColumn
from babelsift.pipelines.staging.columns.column_store import Place
from babelsift.pipelines.staging.gather_shards import staging_shards
from babelsift.pipelines.staging.images import ReadImages, read_staged_images
from babelsift.schemas import DOWNLOAD_SCHEMA, Stage, check


@dataclass
class ImageColumns(Transform):
    """Adds the columns that are said of images and pairs, and leaves out rows by the conditions on them.

    Input: batches with DOWNLOAD_SCHEMA's columns. Main output: the same with the columns. REJECTED: rows that do not
    meet a condition. COUNTS: how the columns' values are spread.

    Attributes:
        folder: the run folder.
        columns: those of images and pairs, in order.
        placed: the recipe's conditions.
        read: reads staged images.
        makes: whether what is not stored is made; if not, such rows are REJECTED as not stored.
    """

    folder: RunFolder
    columns: tuple[ResolvedColumn, ...]
    placed: PlacedConditions
    read: ReadImages = read_staged_images
    makes: bool = True

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> StageOutputs:
        """Makes the columns of each staging shard's rows."""
        made = batches | "Make" >> kept_and_rejected(beam.ParDo(_MakeImageColumns(self)), {COUNTS: dict})
        return StageOutputs({"kept": made.kept, REJECTED: made[REJECTED], COUNTS: made[COUNTS]})


def read_images(rows: pa.RecordBatch, of: str, takes_pixels: bool, *, folder: RunFolder, read: ReadImages) -> Things:
    """Returns the images of rows, and of pairs their captions, as a maker takes them.

    Args:
        rows: DOWNLOAD_SCHEMA.
        of: image or pair.
        takes_pixels: whether images are to be decoded: uint8[height, width, 3], RGB.
        folder, read: where images are staged.

    Returns:
        (the things that could be read, of each row why it could not).
    """
    images: list[Any] = read(folder, rows)
    faults: list[str | None] = [None] * len(rows)
    if takes_pixels:
        decoded = list(_decoders().map(decode_rgb, images))
        faults = [one if isinstance(one, str) else None for one in decoded]
        images = [one for one in decoded if not isinstance(one, str)]
    if of == "image":
        return (images,), faults
    good = np.flatnonzero([fault is None for fault in faults])
    return (images, rows.column("caption").take(pa.array(good))), faults


@cache
def _decoders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(usable_cores(), thread_name_prefix="columns-decode")


os.register_at_fork(after_in_child=_decoders.cache_clear)  # a fork has none of the threads


class _MakeImageColumns(beam.DoFn):
    def __init__(self, stage: ImageColumns) -> None:
        self._stage = stage

    def setup(self) -> None:
        stage = self._stage
        read = partial(read_images, folder=stage.folder, read=stage.read)
        self._making = Making(stage.folder, stage.columns, stage.placed, Stage.IMAGE_COLUMNS, read, makes=stage.makes)

    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        check(element, DOWNLOAD_SCHEMA, where="image_columns")
        for shard, rows in split_rows(element, staging_shards(element)):
            made = self._making.of(rows, Place(shard))
            yield from emit(Stage.IMAGE_COLUMNS, len(rows), [made.kept], made.rejected)
            yield beam.pvalue.TaggedOutput(COUNTS, made.counts)

    def teardown(self) -> None:
        self._making.close()
