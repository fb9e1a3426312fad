"""The pairs in whose place drawn duplicates were left out, found again by uid in the product."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.pipelines.rendering import Sample
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import RejectReason, Stage

_DUPLICATES = frozenset(
    reason.value
    for reason in (
        RejectReason.DUPLICATE_PAIR,
        RejectReason.DUPLICATE_URL,
        RejectReason.DUPLICATE_CAPTION,
        RejectReason.NEAR_DUPLICATE_CAPTION,
        RejectReason.DUPLICATE_IMAGE,
        RejectReason.NEAR_DUPLICATE_IMAGE,
        RejectReason.SEMANTIC_DUPLICATE,
    )
)
_VALUE = re.compile(r"([0-9a-f]{32})(?: at (.+))?")
_COLUMNS = ("uid", "url", "caption", "language", "stage", "reason")


def with_survivors(folder: RunFolder, samples: Sequence[Sample], tables: Iterable[str]) -> list[Sample]:
    """Returns the samples, each duplicate with the pair that it repeats, and how near it is to it.

    Args:
        folder: the run folder.
        samples: of the run.
        tables: paths of the parquet files of shards and ledger, in which the others are looked up: a column of uids is
            read of each, where there is a duplicate at all.
    """
    uids = {match[1] for sample in samples if (match := _named(sample)) is not None}
    rows = _rows_of(folder, uids, tables) if uids else {}
    return [_with_survivor(sample, rows) for sample in samples]


def _named(sample: Sample) -> re.Match[str] | None:
    return _VALUE.fullmatch(sample.value or "") if sample.reason in _DUPLICATES else None


def _with_survivor(sample: Sample, rows: Mapping[str, Mapping[str, Any]]) -> Sample:
    match = _named(sample)
    row = None if match is None else rows.get(match[1])
    if match is None or row is None:
        return sample
    survivor = Sample(
        stage=row.get("stage") or Stage.SHARD.value,
        reason=row.get("reason"),
        uid=row["uid"],
        url=row["url"],
        caption=row["caption"],
        language=row.get("language"),
    )
    return replace(sample, survivor=survivor, how_near=match[2] or "equal")


def _rows_of(folder: RunFolder, uids: set[str], tables: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Returns {uid: its row}; where several rows have the uid, one that is no duplicate itself."""
    wanted, rows = pa.array(sorted(uids)), dict[str, dict[str, Any]]()
    for path in tables:
        with folder.open(path) as file:
            names = [name for name in pq.read_schema(file).names if name in _COLUMNS]
            found = pq.read_table(file, columns=names, filters=pc.field("uid").isin(wanted))
        for row in found.to_pylist():
            if row["uid"] not in rows or row.get("reason") != RejectReason.DUPLICATE_PAIR.value:
                rows[row["uid"]] = row
        if len(rows) == len(uids) and all(row.get("reason") is None for row in rows.values()):
            break
    return rows
