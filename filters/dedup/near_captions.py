"""Near-duplicate captions: candidates that share a MinHash bucket, each verified by the Jaccard similarity of its sets.

Uids are the 16 bytes of each distinct caption's lowest uid. The number of candidates a caption is bounded: in a bucket
of more than BUCKET_CAP captions each is compared with two: the first, which is the likeliest to survive, and of the
first BUCKET_CAP the one whose sketch is most like its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from babelsift.filters.bytes16 import halves
from babelsift.filters.dedup.caption_shingles import ShingleSets
from babelsift.filters.dedup.greedy_independent_set import greedy_independent_set
from babelsift.filters.mix64 import mix64

BUCKET_CAP = 32
_LIKELIEST = 2
_ROWS_AT_ONCE = 16_384
_PAIRS_AT_ONCE = 16_384
_SKETCH_WORDS = 4
# Links a caption that are kept to decide by, those to the lowest uids.
LINKS_A_CAPTION = 8

# bucket: one of the caption's. sketch: the caption's. uid: whose caption it is.
BUCKETED = np.dtype([("bucket", "<u8"), ("sketch", "<u8"), ("uid", "V16")])
# Two captions, the one of the lower uid being the candidate survivor.
PAIR = np.dtype([("uid", "V16"), ("survivor", "V16")])
CAPTION_LINK = np.dtype([("uid", "V16"), ("survivor", "V16"), ("jaccard", "<f4")])


def bucket_entries(buckets: np.ndarray, sketches: np.ndarray, uids: np.ndarray) -> np.ndarray:
    """Returns BUCKETED[n * bands].

    Args:
        buckets: uint64[n, bands].
        sketches: uint64[n].
        uids: V16[n].
    """
    entries = np.empty(buckets.size, dtype=BUCKETED)
    entries["bucket"] = buckets.ravel()
    entries["sketch"] = np.repeat(sketches, buckets.shape[1])
    entries["uid"] = np.repeat(uids, buckets.shape[1])
    return entries


def candidate_pairs(entries: np.ndarray, *, max_differing: int) -> np.ndarray:
    """Returns the pairs of captions to verify, each once, sorted by survivor, then uid.

    Args:
        entries: BUCKETED[n], all entries of the buckets they are of.
        max_differing: bits of two captions' sketches.

    Returns:
        PAIR[m].
    """
    entries = _in_shared_buckets(entries)
    uids, numbers = number_uids(entries["uid"])
    order = np.lexsort((numbers, entries["bucket"]))
    numbers, buckets, sketches = numbers[order], entries["bucket"][order], entries["sketch"][order]
    sizes = _group_sizes(buckets)
    found = [np.empty(0, dtype=np.uint64)]
    for pairs, some in ((_all_pairs, sizes <= BUCKET_CAP), (_likeliest_pairs, sizes > BUCKET_CAP)):
        chosen = np.flatnonzero(some)
        for one, other in pairs(buckets[chosen], sketches[chosen]):
            one, other = chosen[one], chosen[other]
            alike = np.bitwise_count(sketches[one] ^ sketches[other]) <= max_differing
            found.append(_codes(numbers[one[alike]], numbers[other[alike]]))
    return _pairs_of(uids, np.concatenate(found))


def distinct_pairs(pairs: np.ndarray) -> np.ndarray:
    """Returns PAIR[m], each pair once, sorted by survivor, then uid.

    Args:
        pairs: PAIR[n].
    """
    uids, numbers = number_uids(np.concatenate([pairs["survivor"], pairs["uid"]]))
    return _pairs_of(uids, _codes(numbers[: len(pairs)], numbers[len(pairs) :]))


def near_pairs(pairs: np.ndarray, uids: np.ndarray, sets: ShingleSets, *, min_jaccard: float) -> np.ndarray:
    """Verifies pairs: returns CAPTION_LINK[m], those at least that similar.

    Args:
        pairs: PAIR[n].
        uids: V16[k], whose the sets are; each of the pairs' is there once or more.
    """
    distinct, numbers = number_uids(np.concatenate([uids, pairs["uid"], pairs["survivor"]]))
    position_of = np.empty(len(distinct), dtype=np.int64)
    position_of[numbers[: len(uids)]] = np.arange(len(uids))
    one, other = position_of[numbers[len(uids) :]].reshape(2, -1)
    similar = jaccards(sets, one, other, minimum=min_jaccard)
    near = np.flatnonzero(similar >= min_jaccard)
    links = np.empty(len(near), dtype=CAPTION_LINK)
    links["uid"], links["survivor"] = pairs["uid"][near], pairs["survivor"][near]
    links["jaccard"] = similar[near]
    return links


def jaccards(sets: ShingleSets, one: np.ndarray, other: np.ndarray, *, minimum: float) -> np.ndarray:
    """Returns the Jaccard similarity of pairs of sets.

    Args:
        one, other: int64[n], positions of sets.
        minimum: pairs that cannot reach it need not be measured.

    Returns:
        float64[n], 0 where a pair was found not to reach the minimum without measuring it.
    """
    measured = np.zeros(len(one))
    # What is looked up is whether a set has a shingle: one 64-bit number, of the set's own and the shingle's hash.
    own = mix64(np.arange(len(sets), dtype=np.uint64))
    members = np.sort(np.repeat(own, sets.sizes) ^ sets.hashes)
    sketches = _sketches(sets)
    for start in range(0, len(one), _PAIRS_AT_ONCE):
        some = slice(start, start + _PAIRS_AT_ONCE)
        able = start + np.flatnonzero(_can_reach(sets.sizes, sketches, one[some], other[some], minimum))
        first, second = one[able], other[able]
        smaller = np.where(sets.sizes[first] <= sets.sizes[second], first, second)
        taken = sets.take(smaller)
        pair = np.repeat(np.arange(len(able)), taken.sizes)
        larger = first + second - smaller
        sought = own[larger[pair]] ^ taken.hashes
        at = np.minimum(np.searchsorted(members, sought), len(members) - 1)
        shared = np.bincount(pair[members[at] == sought], minlength=len(able))
        measured[able] = shared / (sets.sizes[first] + sets.sizes[second] - shared)
    return measured


def lowest_links(links: np.ndarray) -> np.ndarray:
    """Returns at most LINKS_A_CAPTION of each caption's links: those to the lowest uids.

    Args:
        links: CAPTION_LINK[n], all links of the captions they are of, each once.

    Returns:
        CAPTION_LINK[m].
    """
    _, later = number_uids(links["uid"])
    _, earlier = number_uids(links["survivor"])
    order = np.lexsort((earlier, later))
    return links[order][_ranks(later[order]) < LINKS_A_CAPTION]


def nearest_kept_captions(links: np.ndarray) -> np.ndarray:
    """Decides which captions are kept: in order of uid, those that are linked to no kept caption of lower uid.

    Args:
        links: CAPTION_LINK[n], in any order, each once.

    Returns:
        CAPTION_LINK[m], one for each uid that is left out, sorted by uid, to its most similar kept caption (ties: the
        lowest uid).
    """
    uids, numbers = number_uids(np.concatenate([links["uid"], links["survivor"]]))
    later, earlier = numbers[: len(links)], numbers[len(links) :]
    kept = greedy_independent_set(later, earlier, len(uids))
    valid = np.flatnonzero(~kept[later] & kept[earlier])
    order = valid[np.lexsort((earlier[valid], -links["jaccard"][valid], later[valid]))]
    return links[order][_ranks(later[order]) == 0]


def number_uids(uids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (V16[k], the different uids in their order; int64[n], the place of each in them)."""
    high, low = halves(uids)
    order = np.lexsort((low, high))
    groups = _group_numbers(high[order], low[order])
    numbers = np.empty(len(uids), dtype=np.int64)
    numbers[order] = groups
    return uids[order][_ranks(groups) == 0], numbers


def _in_shared_buckets(entries: np.ndarray) -> np.ndarray:
    order = np.argsort(entries["bucket"])
    shared = _group_sizes(entries["bucket"][order]) > 1
    return entries[np.sort(order[shared])]


def _all_pairs(groups: np.ndarray, _: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the places of both ends of all pairs within groups of at most BUCKET_CAP."""
    for distance in range(1, int(_group_sizes(groups).max(initial=0))):
        same = np.flatnonzero(groups[distance:] == groups[:-distance])
        yield same, same + distance


def _likeliest_pairs(groups: np.ndarray, sketches: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the places of pairs of each with its group's first, and with the one most like it of the first few."""
    ranks = _ranks(groups)
    leaders = np.arange(BUCKET_CAP)
    for start in range(0, len(groups), _ROWS_AT_ONCE):
        places = np.arange(start, min(start + _ROWS_AT_ONCE, len(groups)))
        opens, rank = places - ranks[places], ranks[places]
        differing = np.bitwise_count(sketches[opens[:, None] + leaders] ^ sketches[places, None]).astype(np.uint16)
        differing[:, 0] = 0
        # Of those equally alike the first; a caption is no leader of itself, nor of those before it.
        keys = np.where(leaders < rank[:, None], differing << np.uint16(8) | leaders.astype(np.uint16), 0xFFFF)
        keys = np.partition(keys, _LIKELIEST, axis=1)[:, :_LIKELIEST]
        row, column = np.nonzero(keys != 0xFFFF)
        yield opens[row] + (keys[row, column] & 0xFF).astype(np.int64), places[row]


def _pairs_of(uids: np.ndarray, codes: np.ndarray) -> np.ndarray:
    codes = np.unique(codes)
    pairs = np.empty(len(codes), dtype=PAIR)
    pairs["survivor"], pairs["uid"] = uids[codes >> np.uint64(32)], uids[codes & np.uint64(0xFFFFFFFF)]
    return pairs


def _codes(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    different = low < high
    return (low[different].astype(np.uint64) << np.uint64(32)) | high[different].astype(np.uint64)


def _starts(sorted_values: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.r_[True, sorted_values[1:] != sorted_values[:-1]][: len(sorted_values)])


def _group_sizes(sorted_values: np.ndarray) -> np.ndarray:
    """int64[n], how many share each one's value."""
    sizes = np.diff(np.r_[_starts(sorted_values), len(sorted_values)])
    return np.repeat(sizes, sizes)


def _ranks(sorted_values: np.ndarray) -> np.ndarray:
    """int64[n], each one's place among those of its value."""
    starts = _starts(sorted_values)
    return np.arange(len(sorted_values)) - np.repeat(starts, np.diff(np.r_[starts, len(sorted_values)]))


def _group_numbers(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    opens = np.zeros(len(first), dtype=np.int64)
    opens[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return np.cumsum(opens)


def _sketches(sets: ShingleSets) -> np.ndarray:
    """uint64[n, 4]: each set as 256 bits, one a shingle."""
    words = np.empty((len(sets), _SKETCH_WORDS), dtype=np.uint64)
    bits = np.uint64(1) << (sets.hashes & np.uint64(63))
    word_of = (sets.hashes >> np.uint64(6)) % np.uint64(_SKETCH_WORDS)
    for word in range(_SKETCH_WORDS):
        words[:, word] = np.bitwise_or.reduceat(np.where(word_of == word, bits, np.uint64(0)), sets.starts[:-1])
    return words


def _can_reach(
    sizes: np.ndarray, sketches: np.ndarray, one: np.ndarray, other: np.ndarray, minimum: float
) -> np.ndarray:
    """Whether pairs can be as similar as that: each bit that differs is a shingle that one of the two has alone."""
    differing = np.bitwise_count(sketches[one] ^ sketches[other]).sum(axis=1, dtype=np.int64)
    differing = np.maximum(differing, np.abs(sizes[one] - sizes[other]))
    both = sizes[one] + sizes[other]
    return (both - differing) / (both + differing) >= minimum
