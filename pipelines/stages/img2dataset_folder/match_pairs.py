"""Stage download, from a folder that was given instead: pairs matched to its rows by URL and caption."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.pipelines.core.batches import concat
from babelsift.pipelines.core.groups.co_group import CoGroup
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.core.stage_outputs import REJECTED, emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.tombstones import NO_TOMBSTONES, Tombstones
from babelsift.pipelines.staging.gather_shards import GatherShards
from babelsift.pipelines.staging.img2dataset.imported_rows import IMPORTED_ROWS, ImportPlan, read_imported
from babelsift.pipelines.staging.img2dataset.listed_urls import read_refused
from babelsift.pipelines.staging.layout import STAGED_SCHEMA, SUCCESS
from babelsift.pipelines.staging.pair_keys import PartitionByUrl, with_uids_as_scored
from babelsift.pipelines.staging.staged_rows import threshold_of, with_staged_columns
from babelsift.schemas import LANGUAGE_SCHEMA, Decision, RejectReason, Stage, check
from babelsift.schemas.recipe import DownloadSettings

_SHARD = "staging_shard"


@dataclass
class ReuseStaged(Transform):
    """Gives each pair the image that an imported folder has for it.

    A pair is matched by URL and caption, as it is or as edits left it; where the folder has no captions, by URL. Of
    several rows the first success counts, by shard and key, else the last failure. `min_image_size`, `max_image_area`
    and `max_aspect_ratio` are asked of the size as served.

    Input: LANGUAGE_SCHEMA and carried columns. Outputs: kept: DOWNLOAD_SCHEMA and the carried columns, one batch a
        staging shard. REJECTED: pairs without an image there.

    Attributes:
        partitions: for matching; so many that the rows of a partition fit into memory.
        removed: what was removed on request; no pair gets such an image.
    """

    folder: RunFolder
    settings: DownloadSettings
    plan: ImportPlan
    partitions: int
    removed: Tombstones = NO_TOMBSTONES

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> dict[str, beam.PCollection]:
        """Brings each URL's rows together, matches them, and brings each staging shard's rows together."""
        by_url = PartitionByUrl(self.partitions)
        keyed = tuple[int, pa.RecordBatch]
        pairs = batches | "SplitPairs" >> beam.ParDo(SplitByPartition(by_url)).with_output_types(keyed)
        parts: list[tuple[Callable[..., pa.RecordBatch], int | str]] = [
            *((read_imported, shard) for shard in self.plan.shards),
            *((read_refused, name) for name in self.plan.refused),
        ]
        staged = (
            batches.pipeline
            | "Shards" >> beam.Create(parts, reshuffle=False)
            | "SpreadImported" >> beam.Reshuffle()
            | "ReadImported" >> beam.Map(_read, self.folder).with_output_types(pa.RecordBatch)
            | "SplitStaged" >> beam.ParDo(SplitByPartition(by_url)).with_output_types(keyed)
        )
        matched = (
            {"pairs": pairs, "staged": staged}
            | "GroupByUrl" >> CoGroup()
            | "Match" >> kept_and_rejected(beam.ParDo(_Match(self.settings, self.removed)))
        )
        kept = matched.kept | "OneBatchAShard" >> GatherShards()
        return {"kept": kept, REJECTED: matched[REJECTED]}


def _read(part: tuple[Callable[..., pa.RecordBatch], int | str], folder: RunFolder) -> pa.RecordBatch:
    read, what = part
    return read(what, folder)


class _Match(beam.DoFn):
    def __init__(self, settings: DownloadSettings, removed: Tombstones) -> None:
        self._settings, self._removed = settings, removed

    def process(self, element: tuple[int, dict[str, Iterable[pa.RecordBatch]]]) -> Iterator[object]:
        _, grouped = element
        batches, staged = list(grouped["pairs"]), list(grouped["staged"])
        if batches:
            rows = check(concat(batches), LANGUAGE_SCHEMA, where="download")
            nothing = pa.RecordBatch.from_pylist([], schema=IMPORTED_ROWS)
            kept, rejected = match(rows, concat(staged or [nothing]), self._settings, self._removed)
            yield from emit(Stage.DOWNLOAD, len(rows), [kept], [rejected])


def match(
    rows: pa.RecordBatch,
    staged: pa.RecordBatch,
    settings: DownloadSettings,
    removed: Tombstones = NO_TOMBSTONES,
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns (the rows with an image, as DOWNLOAD_SCHEMA and carried columns; the others, as ledger rows).

    Args:
        rows: LANGUAGE_SCHEMA.
        staged: `read_imported`'s columns, of any shards, with all rows of the URLs in `rows`.
        settings: of the download.
        removed: images that no pair gets.
    """
    staged_indices = _staged_indices(rows, staged)
    decision = Decision.keep_all(len(rows))
    decision.reject(staged_indices.is_null(), RejectReason.NOT_IN_STAGING)
    of_rows = staged.take(staged_indices)
    decision.reject(removed.are_images(of_rows), RejectReason.REMOVED)
    reasons = of_rows.column("reason").to_pylist()
    for reason in sorted({reason for reason in reasons if reason is not None}):
        is_it = np.asarray([row_reason == reason for row_reason in reasons], dtype=bool)
        decision.reject(
            is_it, RejectReason(reason), values=of_rows.column("detail"), threshold=threshold_of(reason, settings)
        )
    _reject_by_size(of_rows, settings, decision)
    kept, rejected = decision.split(rows, Stage.DOWNLOAD)
    images = of_rows.filter(pa.array(decision.kept))
    shards = np.asarray(images.column(_SHARD))
    return with_staged_columns(kept, images.select(STAGED_SCHEMA.names), shards, settings), rejected


def _staged_indices(rows: pa.RecordBatch, staged: pa.RecordBatch) -> pa.Array:
    """Returns int64[n], the index of each row's staged row, null where there is none."""
    successes = [status == SUCCESS for status in staged.column("status").to_pylist()]
    shards, keys = staged.column(_SHARD).to_pylist(), staged.column("key").to_pylist()
    by_place = sorted(range(len(staged)), key=lambda row: (shards[row], keys[row] or ""))
    order = [row for row in by_place if successes[row]] + [row for row in by_place[::-1] if not successes[row]]
    by_pair: dict[str, int] = {}
    by_url: dict[str, int] = {}
    uids, urls = staged.column("uid").to_pylist(), staged.column("url").to_pylist()
    captions = staged.column("caption").is_valid().to_pylist()
    for row in order:
        if captions[row]:
            by_pair.setdefault(uids[row], row)
        else:
            by_url.setdefault(urls[row], row)
    edited = with_uids_as_scored(rows).column("uid").to_pylist()
    pairs = zip(rows.column("uid").to_pylist(), edited, rows.column("url").to_pylist(), strict=True)
    matches = [by_pair.get(uid, by_pair.get(now, by_url.get(url))) for uid, now, url in pairs]
    return pa.array(matches, pa.int64())


def _reject_by_size(staged: pa.RecordBatch, settings: DownloadSettings, decision: Decision) -> None:
    width, height = (
        pc.fill_null(staged.column(name), 1).to_numpy(zero_copy_only=False).astype(np.int64)
        for name in ("original_width", "original_height")
    )
    short, long = np.minimum(width, height), np.maximum(width, height)
    sizes = np.array([f"{w}x{h} px" for w, h in zip(width, height, strict=True)], dtype=object)
    for is_out, reason, limit in (
        (short < settings.min_image_size, RejectReason.IMAGE_TOO_SMALL, settings.min_image_size),
        (
            short * long > (settings.max_image_area or np.inf),
            RejectReason.IMAGE_AREA_TOO_LARGE,
            settings.max_image_area,
        ),
        (
            long > short * (settings.max_aspect_ratio or np.inf),
            RejectReason.ASPECT_RATIO_TOO_LARGE,
            settings.max_aspect_ratio,
        ),
    ):
        decision.reject(is_out, reason, values=sizes, threshold=limit)
