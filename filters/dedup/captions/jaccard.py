"""The Jaccard similarity of sets of shingles, measured for the pairs alone that can reach a minimum."""

from __future__ import annotations

import numpy as np

from babelsift.filters.dedup.captions.shingles import ShingleSets
from babelsift.filters.mix64 import mix64

_PAIRS_PER_CHUNK = 16_384
_SKETCH_WORDS = 4


def jaccard_similarities(sets: ShingleSets, first: np.ndarray, second: np.ndarray, *, minimum: float) -> np.ndarray:
    """Returns the Jaccard similarity of pairs of sets.

    Args:
        sets: none of them empty.
        first: int64[n], the index of each pair's one set.
        second: int64[n], the index of each pair's other set.
        minimum: pairs that cannot reach it need not be measured.

    Returns:
        float64[n], 0 where a sketch showed that the pair cannot reach the minimum.
    """
    similarities = np.zeros(len(first))
    # Membership is looked up as one 64-bit number, of a set's own number and the shingle's hash.
    set_numbers = mix64(np.arange(len(sets), dtype=np.uint64))
    members = np.sort(np.repeat(set_numbers, sets.sizes) ^ sets.hashes)
    sketches = _sketches(sets)
    for start in range(0, len(first), _PAIRS_PER_CHUNK):
        chunk = slice(start, start + _PAIRS_PER_CHUNK)
        able = start + np.flatnonzero(_can_reach(sets.sizes, sketches, first[chunk], second[chunk], minimum))
        sizes = sets.sizes[first[able]], sets.sizes[second[able]]
        smaller = np.where(sizes[0] <= sizes[1], first[able], second[able])
        larger = first[able] + second[able] - smaller
        shingles = sets.take(smaller)
        pair = np.repeat(np.arange(len(able)), shingles.sizes)
        sought = set_numbers[larger[pair]] ^ shingles.hashes
        at = np.minimum(np.searchsorted(members, sought), len(members) - 1)
        shared = np.bincount(pair[members[at] == sought], minlength=len(able))
        similarities[able] = shared / (sizes[0] + sizes[1] - shared)
    return similarities


def _sketches(sets: ShingleSets) -> np.ndarray:
    """Returns uint64[n, 4]: each set as 256 bits, one a shingle."""
    words = np.empty((len(sets), _SKETCH_WORDS), dtype=np.uint64)
    bits = np.uint64(1) << (sets.hashes & np.uint64(63))
    word_of = (sets.hashes >> np.uint64(6)) % np.uint64(_SKETCH_WORDS)
    for word in range(_SKETCH_WORDS):
        words[:, word] = np.bitwise_or.reduceat(np.where(word_of == word, bits, np.uint64(0)), sets.starts[:-1])
    return words


def _can_reach(
    sizes: np.ndarray, sketches: np.ndarray, first: np.ndarray, second: np.ndarray, minimum: float
) -> np.ndarray:
    """Returns bool[n], whether pairs can be so similar: each differing bit is a shingle of one of the two alone."""
    differing = np.bitwise_count(sketches[first] ^ sketches[second]).sum(axis=1, dtype=np.int64)
    differing = np.maximum(differing, np.abs(sizes[first] - sizes[second]))
    together = sizes[first] + sizes[second]
    return (together - differing) / (together + differing) >= minimum
