"""MinHash: sets as short signatures, cut into bands, so that sets that are alike share a bucket.

Source: Broder (1997), On the resemblance and containment of documents; banding as in Leskovec, Rajaraman, Ullman,
Mining of Massive Datasets, chapter 3.
"""

from __future__ import annotations

import math

import numpy as np

from babelsift.filters.dedup.captions.shingles import HASH_BITS, ShingleSets
from babelsift.filters.mix64 import mix64

_SETS_PER_CHUNK = 2048


def minhash(sets: ShingleSets, *, bands: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the buckets and the sketch of each set.

    Two sets of Jaccard similarity j share a bucket with probability 1 - (1 - j^rows)^bands, and each bit of their
    sketches differs with (1 - j) / 2 (b-bit minwise hashing, Li and Koenig 2010).

    Args:
        sets: none of them empty.
        bands: buckets a set.
        rows: minimal hashes a bucket.

    Returns:
        (uint64[n, bands], the buckets of different bands differ; uint64[n], of `sketch_bits` bits).
    """
    factors, shifts = _permutations(bands * rows)
    buckets = np.empty((len(sets), bands), dtype=np.uint64)
    sketches = np.zeros(len(sets), dtype=np.uint64)
    for start in range(0, len(sets), _SETS_PER_CHUNK):  # few enough that the hashes stay in the processor's cache
        bounds = sets.starts[start : start + _SETS_PER_CHUNK + 1]
        values = (sets.hashes[bounds[0] : bounds[-1]] >> np.uint64(HASH_BITS - 32)).astype(np.uint32)
        opens = bounds[:-1] - bounds[0]
        chunk = slice(start, start + len(opens))
        for band in range(bands):
            mixed = np.full(len(opens), band, dtype=np.uint64)
            for permutation in range(band * rows, (band + 1) * rows):
                lowest = np.minimum.reduceat(values * factors[permutation] + shifts[permutation], opens).astype(
                    np.uint64
                )
                mixed = mix64(mixed ^ lowest)
                if permutation < sketch_bits(bands, rows):
                    sketches[chunk] |= (lowest & np.uint64(1)) << np.uint64(permutation)
            buckets[chunk, band] = mixed
    return buckets, sketches


def sketch_bits(bands: int, rows: int) -> int:
    """Returns how many bits a sketch has: one a minimal hash, at most 64.

    >>> sketch_bits(8, 4)
    32
    """
    return min(bands * rows, 64)


def max_differing_bits(bands: int, rows: int, *, min_jaccard: float) -> int:
    """Returns how many bits of two sets' sketches may differ: 4 deviations above the mean at that similarity.

    Args:
        bands: see `minhash`.
        rows: see `minhash`.
        min_jaccard: the similarity of the two sets.

    >>> max_differing_bits(8, 4, min_jaccard=0.8)
    10
    """
    bits, share = sketch_bits(bands, rows), (1 - min_jaccard) / 2
    return math.ceil(bits * share + 4 * math.sqrt(bits * share * (1 - share)))


def _permutations(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Odd factors and shifts: multiplying by one and adding the other permutes the 32-bit numbers."""
    drawn = mix64(np.arange(2 * count, dtype=np.uint64)).astype(np.uint32)
    return drawn[:count] | np.uint32(1), drawn[count:]
