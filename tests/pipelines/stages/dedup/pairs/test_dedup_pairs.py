import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.filters.uids import digests
from babelsift.pipelines.stages.dedup.pairs import DedupPairs
from babelsift.pipelines.stages.dedup.pairs.earlier_pairs import plan_earlier
from babelsift.schemas import InputError
from babelsift.schemas.recipe import DedupPairsSettings


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


def test_of_equal_pairs_the_same_one_with_its_carried_columns_survives_in_any_order(run_stage, read_rows):
    """As they come from two files in any order and any slices."""
    draw = random.Random(1)
    urls, files = [f"http://x/{row % 15}" for row in range(120)], [f"{row % 2}.csv" for row in range(120)]
    whole = read_rows(120, url=urls, caption=["same"] * 120, source_file=files, rank=list(range(120)))
    expected = None
    for partitions, size, bundle_repeat in ((1, 120, 0), (5, 7, 0), (3, 1, 1), (64, 13, 1)):
        pieces = [whole.slice(start, size) for start in range(0, 120, size)]
        draw.shuffle(pieces)
        settings = DedupPairs(DedupPairsSettings(), partitions=partitions)
        kept = run_stage(settings, pieces, bundle_repeat=bundle_repeat).kept
        ranks = {row["uid"]: row["rank"] for row in kept}
        assert len(ranks) == 15
        expected = expected or ranks
        assert ranks == expected


def test_counters_add_up(run_stage, read_rows):
    outputs = run_stage(DedupPairs(DedupPairsSettings(by="url")), [read_rows(9, url=["a"] * 5 + ["b"] * 4)])
    assert outputs.counters == {
        "dedup_pairs.in_rows": 9,
        "dedup_pairs.out_rows": 2,
        "dedup_pairs.rejected_duplicate_url_rows": 7,
    }


def test_no_rows_are_no_failure(run_stage):
    assert run_stage(DedupPairs(DedupPairsSettings()), []).fates() == {}


def test_canonical_urls_and_normalised_captions_are_compared_and_not_stored(run_stage, read_rows):
    urls = ["https://a.com/x.jpg", "HTTP://A.com:80/x.jpg?utm_source=1", "https://a.com/X.jpg", "http://[broken"]
    captions = ["Red shoes", "red  SHOES!", "red shoes", "red shoes"]
    batch = read_rows(4, url=urls, caption=captions)
    plain = run_stage(DedupPairs(DedupPairsSettings()), [batch])
    assert len(plain.kept) == 4
    half = run_stage(DedupPairs(DedupPairsSettings(canonical_urls=True)), [batch])
    assert len(half.kept) == 4
    both = run_stage(DedupPairs(DedupPairsSettings(canonical_urls=True, normalise_captions=True)), [batch])
    assert [row["reason"] for row in both.rejected] == ["duplicate_pair"]
    assert both.rejected[0]["source_row"] in (0, 1)
    assert {row["url"] for row in both.kept} < set(urls)
    by_url = run_stage(DedupPairs(DedupPairsSettings(by="url", canonical_urls=True)), [batch])
    assert {row["source_row"] for row in by_url.kept} == {row["source_row"] for row in both.kept}
    by_caption = run_stage(DedupPairs(DedupPairsSettings(by="caption", normalise_captions=True)), [batch])
    assert len(by_caption.kept) == 1


def write_parquet(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def write_subset(path, uids):
    pairs = [(int(uid[:16], 16), int(uid[16:], 16)) for uid in sorted(uids)]
    np.save(path, np.array(pairs, dtype=np.dtype("u8,u8")))


def test_pairs_of_earlier_datasets_are_left_out_by_uid_and_by_url(run_stage, read_rows, tmp_path):
    batch = read_rows(10)
    uids, urls = batch.column("uid").to_pylist(), batch.column("url").to_pylist()
    write_parquet(tmp_path / "first" / "shards" / "0.parquet", uid=[uids[1], "0" * 32, None], url=[urls[9]] * 3)
    write_subset(tmp_path / "first" / "subset.npy", [uids[2], uids[5], "f" * 32])
    write_parquet(tmp_path / "second.parquet", URL=[urls[7].upper().replace("JPG", "jpg"), None, "http://elsewhere"])
    settings = DedupPairsSettings(
        earlier=(str(tmp_path / "first"), str(tmp_path / "sec*.parquet")), canonical_urls=True
    )
    outputs = run_stage(DedupPairs(settings, partitions=3), [batch.slice(0, 4), batch.slice(4)])
    gone = {row: "in_earlier_dataset" if row in (1, 2, 5, 7) else None for row in range(10)}
    assert outputs.fates() == gone
    assert {row["value"] for row in outputs.rejected} == {uids[1], uids[2], uids[5], urls[7]}
    assert outputs.counters["dedup_pairs.rejected_in_earlier_dataset_rows"] == 4


def test_earlier_datasets_may_hold_digests_of_urls(run_stage, read_rows, tmp_path):
    batch = read_rows(8)
    known = [value.hex() for value in digests(batch.column("url")).view("V16").tolist()]
    write_parquet(tmp_path / "known" / "0.parquet", url_digest=[known[1], None, "0" * 32], url=["http://other"] * 3)
    write_subset(tmp_path / "known" / "url_digests.npy", [known[4], known[6]])
    write_subset(tmp_path / "known" / "uids.npy", [known[7], batch.column("uid")[2].as_py()])
    outputs = run_stage(DedupPairs(DedupPairsSettings(earlier=(str(tmp_path / "known"),))), [batch])
    assert {row for row, reason in outputs.fates().items() if reason == "in_earlier_dataset"} == {1, 2, 4, 6}


def test_a_pair_of_an_earlier_dataset_wipes_out_no_other(run_stage, read_rows, tmp_path):
    batch = read_rows(3, caption=["same"] * 3)
    uids = sorted(batch.column("uid").to_pylist())
    write_subset(tmp_path / "subset.npy", uids[:1])
    settings = DedupPairsSettings(by="caption", earlier=(str(tmp_path / "subset.npy"),))
    outputs = run_stage(DedupPairs(settings), [batch])
    assert [row["uid"] for row in outputs.kept] == [uids[1]]
    assert {row["uid"]: row["reason"] for row in outputs.rejected} == {
        uids[0]: "in_earlier_dataset",
        uids[2]: "duplicate_caption",
    }


def test_earlier_places_that_cannot_be_used_are_one_clear_line(run_stage, read_rows, tmp_path):
    with pytest.raises(InputError, match=r"dedup_pairs\.earlier .*nowhere.* has no \.parquet or \.npy file"):
        plan_earlier([str(tmp_path / "nowhere")])
    write_parquet(tmp_path / "no.parquet", caption=["a"])
    with pytest.raises(InputError, match=r"no\.parquet has neither uid nor url_digest, URL"):
        plan_earlier([str(tmp_path / "no.parquet")])
    (tmp_path / "bad.npy").write_bytes(b"no numpy")
    with pytest.raises(InputError, match=r"bad\.npy cannot be read"):
        plan_earlier([str(tmp_path / "bad.npy")])
    np.save(tmp_path / "floats.npy", np.zeros(3))
    with pytest.raises(InputError, match=r"floats\.npy should hold \(u8, u8\) pairs .* found float64"):
        plan_earlier([str(tmp_path / "floats.npy")])
    write_parquet(tmp_path / "short.parquet", uid=["abc"])
    settings = DedupPairsSettings(earlier=(str(tmp_path / "short.parquet"),))
    with pytest.raises(Exception, match=r"short\.parquet: a uid is 32 lower-case hex digits, got 'abc'"):
        run_stage(DedupPairs(settings), [read_rows(2)])
