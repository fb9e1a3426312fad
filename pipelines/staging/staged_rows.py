"""Rows beside what staging holds of them: which staged row counts, and the rows with an image told from the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.uids import partition_of
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
    """Input rows beside their staged rows, all of one staging shard, sorted by uid.

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


def staging_partitions(batch: pa.RecordBatch, *, partitions: int) -> np.ndarray:
    """Returns int64[n], the staging partition of each row of a batch with LANGUAGE_SCHEMA's columns."""
    check(batch, LANGUAGE_SCHEMA, where="download")
    return partition_of(batch.column("uid"), partitions)


def latest_staged(rows: pa.RecordBatch, found: list[FoundShard]) -> Iterator[StagedBatch]:
    """Yields each row with what is staged for it: a success before a failure, then what was found last.

    Args:
        rows: sorted by uid.
        found: the shards that may have some of them.
    """
    if not found:
        return
    uids = np.concatenate([np.asarray(one.staged.column("uid").to_pylist(), dtype=object) for one in found])
    is_failure = np.concatenate(
        [np.asarray([status != SUCCESS for status in one.staged.column("status").to_pylist()], bool) for one in found]
    )
    lengths = [len(one.staged) for one in found]
    ends = np.repeat([one.end_time for one in found], lengths)
    shards = np.repeat([one.shard for one in found], lengths)
    order = np.lexsort((-shards, -ends, is_failure))
    _, firsts = np.unique(uids[order].astype(str), return_index=True)
    is_latest = np.zeros(len(uids), bool)
    is_latest[order[firsts]] = True
    start = 0
    for one, length in zip(found, lengths, strict=True):
        staged = one.staged.filter(pa.array(is_latest[start : start + length]))
        start += length
        places = pc.index_in(rows.column("uid"), value_set=staged.column("uid"))
        wanted = np.flatnonzero(np.asarray(places.is_valid()))
        if len(wanted):
            yield StagedBatch(one.shard, rows.take(pa.array(wanted)), staged.take(places.drop_null()), None)


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
    return with_staged_columns(batch.rows.take(kept), batch.staged.take(kept), shards), rejected


def with_staged_columns(rows: pa.RecordBatch, staged: pa.RecordBatch, shards: np.ndarray) -> pa.RecordBatch:
    """Returns rows of LANGUAGE_SCHEMA as DOWNLOAD_SCHEMA, what they carry after it.

    Args:
        staged: STAGED_SCHEMA's columns, as many rows, all with an image.
        shards: int[n], their staging shards.
    """
    carried = [name for name in rows.schema.names if name not in DOWNLOAD_SCHEMA.names]
    columns = []
    for field in DOWNLOAD_SCHEMA:
        if field.name == "staging_shard":
            columns.append(pa.array(shards, field.type))
        else:
            columns.append((rows if field.name in LANGUAGE_SCHEMA.names else staged).column(field.name))
    schema = pa.schema([*DOWNLOAD_SCHEMA, *(rows.schema.field(name) for name in carried)])
    joined = pa.RecordBatch.from_arrays([*columns, *(rows.column(name) for name in carried)], schema=schema)
    return check(joined, DOWNLOAD_SCHEMA, where="download")


def threshold_of(reason: str, settings: DownloadSettings) -> object:
    """Returns the limit that a reject reason speaks of, or None."""
    name = _THRESHOLDS.get(RejectReason(reason))
    return getattr(settings, name) if name else None
