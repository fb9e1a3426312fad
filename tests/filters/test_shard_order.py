import numpy as np
import pyarrow as pa
import pytest

from babelsift.filters.shard_order import bucket_of, first_keys_in_bucket, shard_of, sort_keys
from babelsift.filters.uids import compute_uids


def some_uids(count):
    return compute_uids(pa.array([f"http://x/{row}" for row in range(count)]), pa.array(["a"] * count))


@pytest.mark.parametrize(("rows", "samples_per_shard"), [(1000, 64), (1024, 64), (10, 64), (64, 64), (65, 64), (7, 1)])
def test_shards_cut_by_ranges_hold_exactly_what_they_should(rows, samples_per_shard):
    keys = sort_keys(some_uids(rows), seed=3)
    buckets = bucket_of(keys, 16)
    before, first_keys = 0, []
    for bucket in range(16):
        inside = keys[buckets == bucket]
        first_keys.append(first_keys_in_bucket(inside, before, samples_per_shard))
        before += len(inside)
    shards = shard_of(keys, np.concatenate(first_keys))
    counts = np.bincount(shards)
    assert (counts[:-1] == samples_per_shard).all()
    assert counts.sum() == rows
    assert (np.diff(shards[np.argsort(keys)]) >= 0).all()


def test_the_seed_decides_the_order():
    uids = some_uids(100)
    orders = [np.argsort(sort_keys(uids, seed)).tolist() for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_buckets_are_about_equally_full():
    counts = np.bincount(bucket_of(sort_keys(some_uids(16_000), 0), 16), minlength=16)
    assert counts.min() > 850
    assert counts.max() < 1150
