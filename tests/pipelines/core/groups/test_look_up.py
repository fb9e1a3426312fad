"""Looking rows up in tables that lie by partition."""

from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.filters.dedup import DIGEST_RECORD, digest_records, pack_digest_records
from babelsift.filters.uids import compute_uids, uid_bytes
from babelsift.pipelines.core.groups.look_up import BATCHES, Answered, LookUp, answered_group, one_a_key
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import RunnerError

SCORE = np.dtype([("uid", "V16"), ("score", "<u4")])
ROWS = 400


def uids(rows):
    return compute_uids(pa.array([f"http://x/{row}" for row in rows]), pa.array(["a"] * len(rows)))


def batch_of(rows):
    return pa.RecordBatch.from_pydict({"uid": uids(rows), "row": list(rows)})


def own_uids(batch):
    return uid_bytes(batch.column("uid"))


def next_uids(batch):
    """What a row asks for besides its own: one row in ten asks for the same."""
    rows = np.array(batch.column("row"))
    return uid_bytes(uids(np.where(rows % 10 == 0, 0, rows + 1).tolist()))


def scores(rows):
    table = np.zeros(len(rows), SCORE)
    table["uid"], table["score"] = uid_bytes(uids(rows)), rows
    return table


def table_parts(rows, size=37):
    return [scores(rows[start : start + size]).tobytes() for start in range(0, len(rows), size)]


def found_of(answered: Answered) -> Iterable[tuple[int, int | None, int | None, int]]:
    own, following = (one_a_key(answered.answers[name], SCORE) for name in ("own", "next"))
    kept = sum(map(len, answered.answers["equal"]))
    for batch in answered.batches:
        pairs = zip(batch.column("row").to_pylist(), own_uids(batch), next_uids(batch), strict=True)
        for row, own_uid, next_uid in pairs:
            yield row, score_of(own, own_uid), score_of(following, next_uid), kept


def score_of(table, uid):
    index = np.flatnonzero(table["uid"] == uid)
    return int(table["score"][index[0]]) if len(index) else None


@dataclass
class _Look(Transform):
    partitions: int
    flush_at_bytes: int
    equal: bytes = b""

    def expand(self, pbegin):
        def packed(label, parts):
            return pbegin | label >> beam.Create(parts, reshuffle=False).with_output_types(Packed)

        batches = [batch_of(range(start, min(start + 23, ROWS))) for start in range(0, ROWS, 23)]
        keys = {"own": own_uids, "next": next_uids, "equal": own_uids}
        records = {"own": SCORE, "next": SCORE, "equal": DIGEST_RECORD}
        inputs = {
            BATCHES: pbegin | "Batches" >> beam.Create(batches, reshuffle=False).with_output_types(pa.RecordBatch),
            "own": packed("Own", table_parts(range(0, ROWS, 2))),
            "next": packed("Next", table_parts(range(0, ROWS, 3))),
            "equal": packed("Equal", [self.equal]),
        }
        return inputs | LookUp(keys, records, self.partitions, self.flush_at_bytes) | beam.FlatMap(found_of)


def look_up(partitions, flush_at_bytes=4000, equal=b"", **runner):
    found = []
    pipeline = beam.Pipeline(runner=FnApiRunner(**runner))
    _ = pipeline | _Look(partitions, flush_at_bytes, equal) | beam.combiners.ToList() | beam.Map(_collect(found))
    pipeline.run().wait_until_finish()
    return sorted({row[:3] for row in found}), {row[3] for row in found}  # a repeated bundle is collected twice


def _collect(found):
    key = id(found)
    _FOUND[key] = found
    return _Keep(key)


class _Keep:
    def __init__(self, key):
        self._key = key

    def __call__(self, rows):
        _FOUND[self._key].extend(rows)


_FOUND = {}


@pytest.mark.parametrize(("partitions", "flush_at_bytes"), [(1, 1), (3, 1), (7, 4000), (2, 1 << 30)])
def test_each_row_finds_what_tables_say_of_it(partitions, flush_at_bytes):
    following = [0 if row % 10 == 0 else row + 1 for row in range(ROWS)]
    expected = [
        (row, row if row % 2 == 0 else None, after if after % 3 == 0 and after < ROWS else None)
        for row, after in enumerate(following)
    ]
    assert look_up(partitions, flush_at_bytes)[0] == expected


def test_a_bundle_that_is_tried_again_changes_nothing():
    assert look_up(3, bundle_repeat=1) == look_up(1)


def test_digest_records_are_packed_as_they_are_everywhere():
    records = digest_records(uid_bytes(uids([5])), uid_bytes(uids([4])), np.array([1], np.uint64))
    packed = pack_digest_records(records)
    _, sizes = look_up(3, 1 << 30, packed)
    assert sizes == {len(packed)}


def test_a_group_that_lost_an_answer_stops_the_run():
    together = {BATCHES: [batch_of([1])], "asked": [(2).to_bytes(8, "little")], "answers": [{}]}
    with pytest.raises(RunnerError, match=r"1 of 2 answers came to a group of rows: .*; run again"):
        answered_group((7, together), ("own",))


def test_of_several_records_of_a_key_one_is_found():
    assert one_a_key([scores([3, 1]).tobytes(), scores([3]).tobytes()], SCORE)["score"].tolist().count(3) == 1
    assert len(one_a_key([], SCORE)) == 0
