"""All that is known of one pair, for its page: its way through the stages, its raw row, its duplicates."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.pipelines.explorer.session import LoadedRun
from babelsift.pipelines.run_folder.paths import DUPLICATES_FILE, PARQUET, REJECTS
from babelsift.pipelines.run_folder.shard_layout import SPLITS, shard_name
from babelsift.schemas import STAGE_ORDER
from babelsift.schemas.json_values import json_value

MOST_DUPLICATES = 24


def pair_page(run: LoadedRun, number: int) -> dict[str, Any]:
    """Returns {"row", "raw", "stages": [{"stage", "outcome", ...}], "duplicates": [...], "same_uid": other rows}.

    Args:
        run: that has the pair.
        number: of its row.
    """
    row = run.row(number)
    uid = row.get("uid")
    return {
        "row": {name: json_value(value) for name, value in row.items()},
        "raw": {name: json_value(value) for name, value in _raw_row(run, row).items()},
        "stages": list(_stages(run, row)),
        "duplicates": [] if uid is None else _duplicates(run, uid),
        "same_uid": [] if uid is None else [other for other in _rows_with(run, uid) if other != number],
    }


def _stages(run: LoadedRun, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns what each stage of the run made of a pair, up to the one that left it out."""
    counted = {stage.stage for stage in run.run.funnel.stages}
    stages: list[dict[str, Any]] = []
    for stage in STAGE_ORDER:
        if row.get("stage") == stage.value:
            said = {name: row.get(name) for name in ("reason", "value", "threshold")}
            return [*stages, {"stage": stage.value, "outcome": "rejected", **said}]
        if stage.value in counted or not counted:
            stages.append({"stage": stage.value, "outcome": "passed"})
    return stages


def _raw_row(run: LoadedRun, row: dict[str, Any]) -> dict[str, Any]:
    """Returns the row as the shard's table, or the ledger, has it."""
    folder = run.run.folder
    if row.get("shard") is not None:
        paths = [f"{SPLITS[row['split']].folder}/{shard_name(row['shard'])}{PARQUET}"]
        condition = (pc.field("key") == row["key"]) & (pc.field("uid") == row["uid"])
    else:
        paths = [f"{REJECTS}/{name}" for name in folder.list(REJECTS, PARQUET)]
        condition = (pc.field("source_file") == row["source_file"]) & (pc.field("source_row") == row["source_row"])
        if row.get("uid") is not None:
            condition &= pc.field("uid") == row["uid"]
    for path in paths:
        with folder.open(path) as file:
            found = pq.read_table(file, filters=condition)
        if len(found):
            return {**found.slice(0, 1).to_pylist()[0], "file": path}
    return {}


def _rows_with(run: LoadedRun, uid: str) -> list[int]:
    matches = pc.equal(run.columns.column("uid"), pa.scalar(uid, pa.large_string()))
    return pc.indices_nonzero(pc.fill_null(matches, False)).to_pylist()


def _duplicates(run: LoadedRun, uid: str) -> list[dict[str, Any]]:
    """Returns the duplicates of a pair and their survivor, with how near each is; `row` is None of another run's."""
    folder = run.run.folder
    if not folder.exists(DUPLICATES_FILE):
        return []
    with folder.open(DUPLICATES_FILE) as file:
        table = pq.read_table(file)
    own = table.filter(pc.equal(table.column("uid"), uid))
    survivors = {uid, *own.column("survivor").to_pylist()}
    group = table.filter(pc.is_in(table.column("survivor"), value_set=pa.array(sorted(survivors))))
    others = [
        {**near, "uid": near["survivor"], "is_survivor": True} for near in own.to_pylist() if near["survivor"] != uid
    ]
    others += [{**near, "is_survivor": False} for near in group.to_pylist() if near["uid"] != uid]
    return [{**near, "row": run.row_of(near["uid"])} for near in others[:MOST_DUPLICATES]]
