"""The seeded order of the final samples, and where shards of exactly N samples begin in it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from babelsift.filters.uids import order_keys, uid_bytes

_HELD_OUT_SEED = 0x76616C6964617465  # "validate": no seed that a recipe is likely to shuffle by

# The seeded draw, then the uid, so that the order is total. Compared as bytes.
SORT_KEY = np.dtype("S24")


def sort_keys(uids: pa.StringArray, seed: int) -> np.ndarray:
    """Returns S24[n], keys that sort rows into the order shuffled by the seed.

    Args:
        uids: string[n], no nulls.
    """
    keys = np.empty((len(uids), 24), dtype=np.uint8)
    keys[:, :8] = order_keys(uids, seed).astype(">u8").view(np.uint8).reshape(-1, 8)
    keys[:, 8:] = uid_bytes(uids).view(np.uint8).reshape(-1, 16)
    return keys.view(SORT_KEY).ravel()


def is_held_out(uids: pa.StringArray, fraction: float) -> np.ndarray:
    """Returns bool[n], True for about that fraction of all pairs there are: by the uid alone, whatever else is kept.

    Neither the seed nor other rows count, so that no pair moves from validation to training when a recipe changes.

    Args:
        uids: string[n], no nulls.
        fraction: above 0, below 1.
    """
    return order_keys(uids, _HELD_OUT_SEED) < np.uint64(int(fraction * 2.0**64))


def bucket_of(keys: np.ndarray, buckets: int) -> np.ndarray:
    """Returns int64[n], the bucket of each key; buckets are ranges of keys, in order, about equally full."""
    high = np.ascontiguousarray(keys).view(np.uint8).reshape(-1, 24)[:, :4].copy().view(">u4").ravel()
    return (high.astype(np.uint64) * np.uint64(buckets) >> np.uint64(32)).astype(np.int64)


def first_keys_in_bucket(keys: np.ndarray, rank_before: int, samples_per_shard: int) -> np.ndarray:
    """Returns the keys of a bucket with which a shard begins, the first shard's excepted.

    Args:
        keys: S24[n], any order.
        rank_before: rows in all lower buckets.

    Returns:
        S24[m], sorted.
    """
    keys = np.sort(keys)
    ranks = rank_before + np.arange(len(keys))
    return keys[(ranks % samples_per_shard == 0) & (ranks > 0)]


def shard_of(keys: np.ndarray, first_keys: np.ndarray) -> np.ndarray:
    """Returns int64[n], the shard of each key.

    Args:
        first_keys: S24[m], sorted: the first key of each shard but the first.
    """
    return np.searchsorted(first_keys, keys, side="right")
