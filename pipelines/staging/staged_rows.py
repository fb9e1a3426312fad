"""Rows beside what staging holds of them: which staged row counts, and the rows with an image told from the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.pipelines.staging.hash_lists.withheld import withheld_urls
from babelsift.pipelines.staging.layout import SUCCESS
from babelsift.schemas import (
    DOWNLOAD_SCHEMA,
    LANGUAGE_SCHEMA,
    RejectReason,
    Stage,
    check,
    format_value,
    ledger_rows,
)
from babelsift.schemas.reasons import WITHHELD
from babelsift.schemas.recipe import DownloadSettings

_THRESHOLDS = {
    RejectReason.TOO_MANY_REDIRECTS: "max_redirects",
    RejectReason.BODY_TOO_LARGE: "max_body_bytes",
    RejectReason.TOO_MANY_PIXELS: "max_source_pixels",
    RejectReason.IMAGE_TOO_SMALL: "min_image_size",
    RejectReason.IMAGE_AREA_TOO_LARGE: "max_image_area",
    RejectReason.ASPECT_RATIO_TOO_LARGE: "max_aspect_ratio",
}


@dataclass(frozen=True)
class ShardTimes:
    """What a shard's rows took, summed over rows that ran side by side."""

    fetch_msec: int
    process_msec: int


@dataclass(frozen=True)
class StagedBatch:
    """Input rows beside their staged rows, all of one staging shard, sorted by uid; pairs of a URL share a staged row.

    Attributes:
        rows: as they came in.
        staged: STAGED_SCHEMA.
        times: None where the download was paid for before.
    """

    shard: int
    rows: pa.RecordBatch
    staged: pa.RecordBatch
    times: ShardTimes | None


@dataclass(frozen=True)
class FoundShard:
    """Staged rows of one shard, and when the shard was finished."""

    shard: int
    end_time: float
    staged: pa.RecordBatch


def latest_staged(
    rows: pa.RecordBatch, found: list[FoundShard], options: pa.Array | None = None
) -> Iterator[StagedBatch]:
    """Yields each row with what is staged of its image: a success before a failure, then what was found last.

    An image is what a URL answers with; all pairs of a URL share it. What was staged of the very pair comes first.
    Where rows ask for anything beside the URL, pairs share the image of a row that asks for the same.

    Args:
        rows: sorted by uid.
        found: the shards that may have some of them.
        options: string[n], digests of what rows ask of their download; None: no row asks for anything.
    """
    staged = pa.concat_batches([one.staged for one in found]) if found else None
    if staged is None or not len(staged):
        return
    lengths = [len(one.staged) for one in found]
    is_failure = np.asarray([status != SUCCESS for status in staged.column("status").to_pylist()], bool)
    ends, shards = (np.repeat([getattr(one, name) for one in found], lengths) for name in ("end_time", "shard"))
    order = np.lexsort((-shards, -ends, is_failure))
    own = _first_index(rows.column("uid"), staged.column("uid"), order)
    if options is None or options.null_count == len(options):
        of_image = _first_index(rows.column("url"), staged.column("url"), order)
        of_image = np.where(of_image >= 0, of_image, _first_withheld(rows.column("url"), staged, order))
    else:
        of_image = _of_equal_rows(own, _image_keys(rows.column("url"), options))
    is_own = (own >= 0) & ~is_failure[own]
    index = np.where(is_own | (of_image < 0), own, of_image)
    shard_of_row = np.where(index >= 0, shards[index], -1)
    for shard in dict.fromkeys(one.shard for one in found):
        places = np.flatnonzero(shard_of_row == shard)
        if len(places):
            yield StagedBatch(shard, rows.take(pa.array(places)), staged.take(pa.array(index[places])), None)


def _image_keys(urls: pa.Array, options: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(urls, pc.fill_null(options, ""), "\n")


def _of_equal_rows(own: np.ndarray, keys: pa.Array) -> np.ndarray:
    """Returns int64[n], the first index in `own` that a row with the same key has; -1 where none has one."""
    groups = pc.dictionary_encode(keys).indices.to_numpy(zero_copy_only=False)
    with_own = np.flatnonzero(own >= 0)
    found, first = np.unique(groups[with_own], return_index=True)
    of_group = np.full(int(groups.max(initial=-1)) + 1, -1)
    of_group[found] = own[with_own[first]]
    return of_group[groups]


def _first_index(wanted: pa.Array, stored: pa.Array, candidates: np.ndarray) -> np.ndarray:
    """Returns int64[n], for each wanted value the first candidate that has it; -1 where none has."""
    first = pc.index_in(wanted, value_set=stored.take(pa.array(candidates, pa.int64())))
    places = pc.fill_null(first, -1).to_numpy(zero_copy_only=False)
    return np.where(places >= 0, candidates[places] if len(candidates) else -1, -1)


def _first_withheld(urls: pa.Array, staged: pa.RecordBatch, candidates: np.ndarray) -> np.ndarray:
    """Returns int64[n], for each URL the first candidate that is withheld and has the URL's digest alone."""
    is_withheld = pc.is_in(staged.column("reason"), value_set=pa.array([reason.value for reason in WITHHELD]))
    if not pc.any(is_withheld).as_py():
        return np.full(len(urls), -1)
    return _first_index(withheld_urls(urls), staged.column("url"), candidates)


def split_staged(batch: StagedBatch, settings: DownloadSettings) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns (the rows with an image, as DOWNLOAD_SCHEMA and carried columns; the others, as ledger rows)."""
    is_kept = np.asarray(batch.staged.column("status").to_pylist(), dtype=object) == SUCCESS
    kept, gone = pa.array(np.flatnonzero(is_kept)), pa.array(np.flatnonzero(~is_kept))
    failures = batch.staged.take(gone)
    reasons = failures.column("reason").to_pylist()
    rejected = ledger_rows(
        batch.rows.take(gone),
        stage=Stage.DOWNLOAD,
        reasons=reasons,
        values=failures.column("detail").to_pylist(),
        thresholds=[format_value(threshold_of(reason, settings)) for reason in reasons],
    )
    shards = np.full(len(kept), batch.shard)
    return with_staged_columns(batch.rows.take(kept), batch.staged.take(kept), shards, settings), rejected


def with_staged_columns(
    rows: pa.RecordBatch, staged: pa.RecordBatch, shards: np.ndarray, settings: DownloadSettings
) -> pa.RecordBatch:
    """Returns rows of LANGUAGE_SCHEMA as DOWNLOAD_SCHEMA, what the settings ask for beside, and what they carry.

    Args:
        staged: STAGED_SCHEMA's columns, as many rows, all with an image.
        shards: int[n], their staging shards.
        settings: which further columns there are.
    """
    fields = [*DOWNLOAD_SCHEMA, *settings.further_columns]
    carried = [name for name in rows.schema.names if name not in DOWNLOAD_SCHEMA.names]
    columns = []
    for field in fields:
        if field.name == "staging_shard":
            columns.append(pa.array(shards, field.type))
        else:
            columns.append((rows if field.name in LANGUAGE_SCHEMA.names else staged).column(field.name))
    schema = pa.schema([*fields, *(rows.schema.field(name) for name in carried)])
    joined = pa.RecordBatch.from_arrays([*columns, *(rows.column(name) for name in carried)], schema=schema)
    return check(joined, DOWNLOAD_SCHEMA, where="download")


def threshold_of(reason: str, settings: DownloadSettings) -> object:
    """Returns the limit that a reject reason speaks of, or None."""
    if reason == RejectReason.HAS_FACES.value:
        return settings.faces and settings.faces.min_score
    name = _THRESHOLDS.get(RejectReason(reason))
    return getattr(settings, name) if name else None
