"""Near-duplicates among perceptual hashes: candidates by banding, each verified by its Hamming distance.

Memory is bounded whatever the hashes are: a large bucket's hashes are compared with its first ones only, and a hash
keeps so many links a bucket and no more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from babelsift.filters.bytes16 import halves
from babelsift.filters.dedup.hash_bands import WHOLE_BANDS, Band, packed_buckets
from babelsift.filters.dedup.hash_entropy import has_varied_rows
from babelsift.filters.mix64 import mix64

# Two hashes within the radius; the survivor's is the one that would stay. crop: the crop by which they are near, or 0.
LINK = np.dtype(
    [
        ("uid", "V16"),
        ("survivor", "V16"),
        ("rank", "<u8"),
        ("survivor_rank", "<u8"),
        ("distance", "<i4"),
        ("crop", "<i4"),
    ]
)

_COMPARED_UP_TO = 256  # hashes of a bucket; splitting it costs as much
_WAITING_LINKS = 1 << 17
_SURELY_FOUND = len(WHOLE_BANDS) - 1  # bits: of two hashes that are so near one band at least is the same
_ROW_BITS = np.uint64(32)
_ROW_MASK = np.uint64((1 << 32) - 1)


def crop_radius(radius: int) -> int:
    """Returns the bits of 128 within which a crop and a whole image are near, for a radius of whole hashes.

    A little more than the same share: a crop that lies between those that are stored is farther from them than a
    recompressed image is from itself. That no stranger is so near is seen to by `has_varied_rows`.
    """
    return radius * 18 // 32


def near_links(
    records: np.ndarray,
    *,
    radius: int,
    partition: int = 0,
    partitions: int = 1,
    ranked_below: int | None = None,
    compared_up_to: int = _COMPARED_UP_TO,
) -> np.ndarray:
    """Returns the pairs that share a bucket and lie within the radius, each once with its smallest distance.

    Args:
        records: HASHED[n], in any order. radius: bits, >= 0; a distance equal to it links.
        partition, partitions: only buckets of this part count, so that parts may be worked on apart.
        ranked_below: only records of a lower rank may be survivors; None: all may.
        compared_up_to: hashes of a bucket that is not split; 0 finds what is found in a table of any size.

    Returns:
        LINK[m].
    """
    whole, crops = (np.flatnonzero(chosen) for chosen in (records["crop"] == 0, records["crop"] > 0))
    if not len(whole):
        return np.empty(0, dtype=LINK)
    whole = whole[order_by_rank(_column(records, "rank", whole), _column(records, "uid", whole))]
    search = _Search(radius, (partition, partitions), ranked_below, compared_up_to)
    found = [np.empty(0, dtype=LINK)]
    for pairs, hashed in ((search.whole(records, whole), "hash"), (search.crops(records, whole, crops), "low")):
        for start in range(0, len(pairs), _WAITING_LINKS):
            rows, others = _rows_of(pairs[start : start + _WAITING_LINKS])
            ours, theirs = (crops[rows], whole[others]) if hashed == "low" else (whole[rows], whole[others])
            found = _merged(found, _links(records[ours], records[theirs], hashed), nearest_of_pairs)
    return nearest_of_pairs(np.concatenate(found))


@dataclass(frozen=True)
class _Search:
    """What `near_links` is asked for."""

    radius: int
    part: tuple[int, int]
    ranked_below: int | None
    compared_up_to: int

    def whole(self, records: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """Returns the near pairs of whole hashes, by their places in `whole`, which are in the order of their ranks."""
        limits = len(whole), 0
        if self.ranked_below is not None:
            limits = (int(np.searchsorted(_column(records, "rank", whole), self.ranked_below)),) * 2
        hashes, groups = (_column(records, name, whole) for name in ("hash", "group"))
        found = [np.empty(0, dtype=np.uint64)]
        for rows, others in self._near(hashes, groups, limits, crops=False):
            found = _merged(found, rows << _ROW_BITS | others, _distinct)
        return _distinct(np.concatenate(found))

    def crops(self, records: np.ndarray, whole: np.ndarray, crops: np.ndarray) -> np.ndarray:
        """Returns the near pairs of crops and whole images that are not their own, by their places in both."""
        found = [np.empty(0, dtype=np.uint64)]
        if not len(crops):
            return found[0]
        places = np.concatenate([whole, crops])
        ranks, uids, hashes, groups = (_column(records, name, places) for name in ("rank", "uid", "low", "group"))
        images, varied = _image_numbers(ranks, uids), has_varied_rows(_column(records, "hash", whole))
        limits, before = (len(whole), len(whole)), ranks < (self.ranked_below or 0)
        for rows, others in self._near(hashes, groups, limits, crops=True):
            wanted = varied[others] & (images[rows] != images[others])
            if self.ranked_below is not None:
                wanted &= before[rows] != before[others]
            pairs = (rows[wanted] - np.uint64(len(whole))) << _ROW_BITS | others[wanted]
            found = _merged(found, pairs, _distinct)
        return _distinct(np.concatenate(found))

    def _near(
        self, hashes: np.ndarray, groups: np.ndarray, limits: tuple[int, int], *, crops: bool
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        from babelsift.filters.dedup.bucket_kernels import near_in_buckets

        radius = crop_radius(self.radius) if crops else self.radius
        asked = (radius, self.compared_up_to, *limits)
        for band, packed in packed_buckets(hashes, groups, crops=crops, part=self.part):
            sieve = _sieve(band, radius, hashes.shape[1])
            rows, others = _rows_of(near_in_buckets(packed, hashes, np.array(band.splits), asked, sieve))
            same = groups[rows] == groups[others]  # buckets of two groups may fall together
            yield rows[same], others[same]


def _sieve(band: Band, radius: int, words: int) -> tuple[int, int]:
    """The word by which the hashes of a band's buckets are compared first, and the bits that may differ there.

    It is of the lowest frequencies of which a bucket's hashes do not agree anyway. At a radius of 31, of pairs that lie
    just within it, one of five thousand has more of its bits there, were they spread evenly; of strangers one of ten
    thousand has so few.
    """
    share = 1 / words
    spread = math.sqrt(radius * share * (1 - share))
    return int(min(band.pair) < 8), min(radius, max(_SURELY_FOUND, math.ceil(radius * share + 3.6 * spread)))


def _column(records: np.ndarray, name: str, rows: np.ndarray) -> np.ndarray:
    """A column of some rows; of records as they lie it would take many times as long."""
    return np.ascontiguousarray(records[name]).take(rows, axis=0)


def _rows_of(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return pairs >> _ROW_BITS, pairs & _ROW_MASK


def _distinct(pairs: np.ndarray) -> np.ndarray:
    pairs.sort()  # which costs a third of what hashing them does
    return pairs[np.r_[True, pairs[1:] != pairs[:-1]]] if len(pairs) else pairs


def _merged(found: list[np.ndarray], more: np.ndarray, merge: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
    """Adds pairs; one that is near is found in most bands, so they are merged before they outgrow what is known."""
    found = [*found, more] if len(more) else found
    if sum(map(len, found[1:])) <= max(len(found[0]), _WAITING_LINKS):
        return found
    return [merge(np.concatenate(found))]


def order_by_rank(rank: np.ndarray, uids: np.ndarray) -> np.ndarray:
    """Returns the order by (rank, uid)."""
    order = _order_by(*halves(uids))
    ranked = rank[order]
    return order if (ranked[1:] >= ranked[:-1]).all() else order[np.argsort(ranked, kind="stable")]


def _order_by(first: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Returns the order by several keys, the first of them first: uint64[n], which should tell most rows apart."""
    from babelsift.filters.dedup.bucket_kernels import sort_packed

    packed = (first >> _ROW_BITS) << _ROW_BITS | np.arange(len(first), dtype=np.uint64)
    sort_packed(packed, np.empty_like(packed))  # the rest is for those that the half of a key does not tell apart
    order, same = (packed & _ROW_MASK).astype(np.int64), np.diff(packed >> _ROW_BITS) == 0
    tied = np.flatnonzero(np.r_[same, False] | np.r_[False, same]) if len(order) else order
    some = order[tied]
    order[tied] = some[np.lexsort([key[some] for key in (first, *others)][::-1])]
    return order


def nearest_of_pairs(links: np.ndarray) -> np.ndarray:
    """Returns each pair of (uid, survivor) once, with its smallest distance, sorted; whole hashes before crops."""
    if not len(links):
        return links
    high, low = halves(links["uid"])
    survivor_high, survivor_low = halves(links["survivor"])
    order = _order_by(high, low, survivor_high, survivor_low, bits_of_256(links), links["crop"])
    links = links[order]
    pairs = np.stack([high, low, survivor_high, survivor_low], axis=1)[order]
    return links[np.r_[True, (pairs[1:] != pairs[:-1]).any(axis=1)]]


def bits_of_256(links: np.ndarray) -> np.ndarray:
    """Returns the distances of links, those of crops, which are of 128 bits, doubled."""
    return np.where(links["crop"] > 0, 2 * links["distance"], links["distance"])


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    total = np.bitwise_count(a[:, 0] ^ b[:, 0]).astype(np.int32)
    for word in range(1, a.shape[1]):
        total += np.bitwise_count(a[:, word] ^ b[:, word])
    return total


def _image_numbers(ranks: np.ndarray, uids: np.ndarray) -> np.ndarray:
    """Returns uint64[n], equal where the images are: an image of an earlier run is not the one of that uid in this."""
    high, low = halves(uids)
    return mix64(mix64(mix64(high) ^ low) ^ ranks)


def _links(ours: np.ndarray, theirs: np.ndarray, hashed: str) -> np.ndarray:
    """The links of pairs of records: the one of the lower (rank, uid) is the one that would survive."""
    links = np.empty(len(ours), dtype=LINK)
    stays = _is_before(ours, theirs)
    links["uid"], links["survivor"] = (
        np.where(stays, theirs["uid"], ours["uid"]),
        np.where(stays, ours["uid"], theirs["uid"]),
    )
    links["rank"] = np.where(stays, theirs["rank"], ours["rank"])
    links["survivor_rank"] = np.where(stays, ours["rank"], theirs["rank"])
    links["distance"] = _distances(ours[hashed], theirs[hashed])
    links["crop"] = ours["crop"]
    return links


def _is_before(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    (high, low), (other_high, other_low) = halves(a["uid"]), halves(b["uid"])
    lower_uid = (high < other_high) | ((high == other_high) & (low < other_low))
    return (a["rank"] < b["rank"]) | ((a["rank"] == b["rank"]) & lower_uid)
