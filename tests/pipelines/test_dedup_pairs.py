import random

import pytest

from pipelines.dedup_pairs import DedupPairs
from schemas.recipe import DedupPairsSettings


def test_of_equal_pairs_the_first_read_survives(run_stage, read_rows):
    batch = read_rows(4, url=["http://a", "http://b", "http://a", "http://a"], caption=["x", "x", "x", "y"])
    outputs = run_stage(DedupPairs(DedupPairsSettings()), [batch])
    fates = outputs.fates()
    assert fates[1] is fates[3] is None
    assert sorted([fates[0], fates[2]], key=str) == [None, "duplicate_pair"]
    assert outputs.rejected[0]["value"] == batch.column("uid")[0].as_py()


@pytest.mark.parametrize(("by", "reason"), [("url", "duplicate_url"), ("caption", "duplicate_caption")])
def test_the_lowest_uid_of_a_url_or_caption_survives(run_stage, read_rows, by, reason):
    batch = read_rows(50, **{by: ["same"] * 50})
    lowest = min(batch.column("uid").to_pylist())
    outputs = run_stage(DedupPairs(DedupPairsSettings(by=by)), [batch.slice(0, 20), batch.slice(20)])
    assert [row["uid"] for row in outputs.kept] == [lowest]
    assert {row["reason"] for row in outputs.rejected} == {reason}
    assert {row["value"] for row in outputs.rejected} == {lowest}


def test_the_survivor_depends_on_no_order_no_batching_and_no_retry(run_stage, read_rows):
    draw = random.Random(0)
    urls = [f"http://x/{draw.randrange(60)}" for _ in range(200)]
    whole = read_rows(200, url=urls)
    expected = run_stage(DedupPairs(DedupPairsSettings(by="url")), [whole]).fates()
    pieces = [whole.slice(start, 7) for start in range(0, 200, 7)]
    draw.shuffle(pieces)
    again = run_stage(DedupPairs(DedupPairsSettings(by="url"), partitions=3), pieces)
    assert again.fates() == expected
    repeated = run_stage(DedupPairs(DedupPairsSettings(by="url"), partitions=2), pieces, bundle_repeat=1)
    assert {row["source_row"] for row in repeated.kept} == {row for row, reason in expected.items() if reason is None}


def test_counters_add_up(run_stage, read_rows):
    outputs = run_stage(DedupPairs(DedupPairsSettings(by="url")), [read_rows(9, url=["a"] * 5 + ["b"] * 4)])
    assert outputs.counters == {
        "dedup_pairs.in_rows": 9,
        "dedup_pairs.out_rows": 2,
        "dedup_pairs.rejected_duplicate_url_rows": 7,
    }


def test_no_rows_are_no_failure(run_stage):
    assert run_stage(DedupPairs(DedupPairsSettings()), []).fates() == {}
