from __future__ import annotations

import threading

import pyarrow as pa
import pytest

from babelsift.pipelines.fetch import Fetched
from babelsift.pipelines.stages.download.pending_shard import ShardRows
from babelsift.schemas.recipe import DownloadSettings

FETCHED = Fetched(b"body", seconds=2.0)


class Writer:
    def key(self, row: int) -> str:
        return f"k{row}"


@pytest.fixture
def shard():
    """shard(rows) -> ShardRows."""

    def make(rows: int) -> ShardRows:
        columns = {name: [f"{name}{row}" for row in range(rows)] for name in ("uid", "url", "caption")}
        schema = pa.schema([(name, pa.string()) for name in columns])
        return ShardRows(pa.RecordBatch.from_pydict(columns, schema=schema), Writer(), DownloadSettings())

    return make


def waiting(shard: ShardRows) -> tuple[threading.Thread, list[object]]:
    found: list[object] = []

    def wait() -> None:
        try:
            found.append(shard.wait())
        except ValueError as error:
            found.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread, found


def test_rows_settled_in_any_order_are_in_theirs(shard):
    rows = shard(3)
    for row in (2, 0, 1):
        assert rows.take_in_hand(row)
        rows.settle(row, rows.record(row), FETCHED, 0.5)
    records, times = rows.wait()
    assert [(record["uid"], record["key"]) for record in records] == [("uid0", "k0"), ("uid1", "k1"), ("uid2", "k2")]
    assert (times.fetch_msec, times.process_msec) == (6000, 1500)


def test_no_rows_need_no_waiting(shard):
    assert shard(0).wait()[0] == []


def test_a_failed_shard_is_over_when_nothing_of_it_is_in_hand(shard):
    rows = shard(3)
    assert rows.take_in_hand(0)
    assert rows.take_in_hand(1)
    thread, found = waiting(rows)
    rows.fail_in_hand(ValueError("first"))
    thread.join(0.1)
    assert thread.is_alive()  # another thread may still write into the shard's files
    assert not rows.take_in_hand(2)
    rows.fail_in_hand(ValueError("second"))
    thread.join()
    assert [str(error) for error in found] == ["first"]


def test_a_shard_fails_from_outside(shard):
    rows = shard(1)
    thread, found = waiting(rows)
    rows.fail(ValueError("gone"))
    thread.join()
    assert [str(error) for error in found] == ["gone"]


def test_what_is_unanswered_at_two_stalls_is_not_asked_for_again(shard):
    rows = shard(6)
    rows.take_in_hand(1)
    assert rows.unanswered_at_stall(2) == ([0, 2, 3, 4, 5], [])
    rows.take_in_hand(2)
    assert rows.unanswered_at_stall(2) == ([3, 4, 5], [0])
    rows.take_in_hand(0)
    assert rows.unanswered_at_stall(2) == ([4, 5], [3])
