"""Near-duplicate images: candidates by banding of perceptual hashes, each verified by its Hamming distance.

Memory is bounded whatever the hashes are: the hashes of a large bucket are compared with its first ones only, and a
hash keeps a bounded number of links a bucket.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from babelsift.filters.bytes16 import halves
from babelsift.filters.dedup.images.hash_bands import FIRST_VIEW, WHOLE_BANDS, Band, packed_buckets
from babelsift.filters.dedup.images.hash_entropy import has_varied_rows
from babelsift.filters.dedup.images.image_links import IMAGE_LINK, links_between, nearest_of_pairs, order_by_rank
from babelsift.filters.dedup.images.like_colours import have_like_colours
from babelsift.filters.mix64 import mix64

_COMPARED_UP_TO = 256  # hashes of a bucket; splitting it costs as much
_WAITING_LINKS = 1 << 17
_FEW = 4  # times as many others
_WIDEST_VIEW_RADIUS = 24
_SURELY_FOUND = len(WHOLE_BANDS) - 1  # bits: two hashes that are so near share at least one band
_WHOLE_WORDS = 4  # of 64 bits; crops and views have two
_ROW_BITS = np.uint64(32)
_ROW_MASK = np.uint64((1 << 32) - 1)


def crop_radius(radius: int) -> int:
    """Returns the bits of 128 within which a crop and a whole image are near, for a radius of whole hashes.

    A little more than the same share: a crop that lies between those that are stored is farther from them than a
    recompressed image is from itself. `has_varied_rows` sees to it that no stranger is so near.

    Args:
        radius: bits of 256.

    >>> crop_radius(31)
    17
    """
    return radius * 18 // 32


def view_radius(radius: int) -> int:
    """Returns the bits of 128 within which two views are near, for a radius of whole hashes.

    Half as many again as its share: text, a watermark, a small turn change a fifth of these bits, and strangers agree
    in so many less than once in a million pairs. Beyond 24 bits they do.

    Args:
        radius: bits of 256.

    >>> view_radius(31), view_radius(64)
    (23, 24)
    """
    return min(radius * 24 // 32, _WIDEST_VIEW_RADIUS)


def near_image_links(
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
        records: IMAGE_HASHES[n], in any order.
        radius: bits of 256, >= 0; a distance equal to it links.
        partition: only the buckets of this partition count, so that partitions may be searched apart.
        partitions: how many there are.
        ranked_below: only records of a lower rank may be kept in another's place; None: all may.
        compared_up_to: hashes of a bucket that is not split; 0 finds what is found in a table of any size.

    Returns:
        IMAGE_LINK[m], sorted by uid, then survivor.
    """
    numbers = np.ascontiguousarray(records["crop"])
    whole, crops = _ranked(records, numbers == 0), np.flatnonzero((numbers > 0) & (numbers < FIRST_VIEW))
    search = _Search(radius, (partition, partitions), ranked_below, compared_up_to)
    links = [np.empty(0, dtype=IMAGE_LINK)]
    views = [_ranked(records, numbers == number) for number in np.unique(numbers[numbers >= FIRST_VIEW])]
    for pairs, firsts, seconds, by in (
        (search.whole_pairs(records, whole), whole, whole, "hash"),
        (search.crop_pairs(records, whole, crops), crops, whole, "low"),
        *((search.view_pairs(records, rows), rows, rows, "low") for rows in views),
    ):
        for start in range(0, len(pairs), _WAITING_LINKS):
            first, second = _rows_of(pairs[start : start + _WAITING_LINKS])
            new = links_between(records[firsts[first]], records[seconds[second]], by=by)
            links = _merged(links, new, nearest_of_pairs)
    return nearest_of_pairs(np.concatenate(links))


@dataclass(frozen=True)
class _Search:
    """The arguments of `near_image_links`; partition: (number, of how many)."""

    radius: int
    partition: tuple[int, int]
    ranked_below: int | None
    compared_up_to: int

    def whole_pairs(self, records: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """Returns the near pairs of whole hashes, row << 32 | row, by their row indices in `whole`, sorted by rank."""
        hashes, groups = (_column(records, name, whole) for name in ("hash", "group"))
        return _all_of(self._near(hashes, groups, self._limits(records, whole), self.radius))

    def view_pairs(self, records: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Returns the near pairs of views of one number, as `whole_pairs` does."""
        hashes, groups, colours = (_column(records, name, views) for name in ("low", "group", "colours"))
        near = self._near(hashes, groups, self._limits(records, views), view_radius(self.radius))
        return _all_of(_of_like_colours(first, second, colours) for first, second in near)

    def _limits(self, records: np.ndarray, ranked: np.ndarray) -> tuple[int, int]:
        """Returns how many of the rows may be leaders, and how many may be nothing else."""
        if self.ranked_below is None:
            return len(ranked), 0
        return (int(np.searchsorted(_column(records, "rank", ranked), self.ranked_below)),) * 2

    def crop_pairs(self, records: np.ndarray, whole: np.ndarray, crops: np.ndarray) -> np.ndarray:
        """Returns the near pairs of crops and other whole images, row << 32 | row, by their row indices in both."""
        pairs = [np.empty(0, dtype=np.uint64)]
        if not len(crops):
            return pairs[0]
        rows = np.concatenate([whole, crops])
        ranks, uids, hashes, groups, colours = (
            _column(records, name, rows) for name in ("rank", "uid", "low", "group", "colours")
        )
        images, varied = _image_numbers(ranks, uids), has_varied_rows(_column(records, "hash", whole))
        limits, before = (len(whole), len(whole)), ranks < (self.ranked_below or 0)
        for pair in self._near(hashes, groups, limits, crop_radius(self.radius)):
            first, second = _of_like_colours(*pair, colours)
            compared = varied[second] & (images[first] != images[second])
            if self.ranked_below is not None:
                compared &= before[first] != before[second]
            crop_links = (first[compared] - np.uint64(len(whole))) << _ROW_BITS | second[compared]
            pairs = _merged(pairs, crop_links, _distinct)
        return _distinct(np.concatenate(pairs))

    def _near(
        self, hashes: np.ndarray, groups: np.ndarray, limits: tuple[int, int], radius: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        from babelsift.filters.dedup.images.bucket_kernels import near_in_buckets

        if not len(hashes):
            return
        asked, crops = (radius, self.compared_up_to, *limits), hashes.shape[1] < _WHOLE_WORDS
        for band, packed in packed_buckets(hashes, groups, crops=crops, partition=self.partition):
            sieve = _sieve(band, radius, hashes.shape[1])
            first, second = _rows_of(near_in_buckets(packed, hashes, np.array(band.splits), asked, sieve))
            same = groups[first] == groups[second]  # buckets of two groups may fall together
            yield first[same], second[same]


def _sieve(band: Band, radius: int, words: int) -> tuple[int, int]:
    """Returns the word by which the hashes of a band's buckets are compared first, and the bits that may differ there.

    It is of the lowest frequencies of which a bucket's hashes do not agree anyway. At a radius of 31, of pairs that lie
    just within it, one in five thousand has more of its bits there, were they spread evenly; of strangers one in ten
    thousand has so few.
    """
    share = 1 / words
    spread = math.sqrt(radius * share * (1 - share))
    return int(min(band.pair) < 8), min(radius, max(_SURELY_FOUND, math.ceil(radius * share + 3.6 * spread)))


def _ranked(records: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Returns the rows of the chosen records, in order of (rank, uid)."""
    rows = np.flatnonzero(chosen)
    return rows[order_by_rank(_column(records, "rank", rows), _column(records, "uid", rows))]


def _column(records: np.ndarray, name: str, rows: np.ndarray) -> np.ndarray:
    """Returns a column of the chosen rows; of records as they lie it would take many times as long.

    Few records are copied whole, of many the column.
    """
    if _FEW * len(rows) < len(records):
        return np.ascontiguousarray(records.take(rows)[name])
    return np.ascontiguousarray(records[name]).take(rows, axis=0)


def _rows_of(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return pairs >> _ROW_BITS, pairs & _ROW_MASK


def _all_of(found: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    pairs = [np.empty(0, dtype=np.uint64)]
    for first, second in found:
        pairs = _merged(pairs, first << _ROW_BITS | second, _distinct)
    return _distinct(np.concatenate(pairs))


def _of_like_colours(first: np.ndarray, second: np.ndarray, colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    alike = have_like_colours(colours[first], colours[second])
    return first[alike], second[alike]


def _distinct(pairs: np.ndarray) -> np.ndarray:
    pairs.sort()  # which costs a third of what hashing them does
    return pairs[np.r_[True, pairs[1:] != pairs[:-1]]] if len(pairs) else pairs


def _merged(known: list[np.ndarray], new: np.ndarray, merge: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
    """Adds pairs; a near pair is found in most bands, so they are merged before they outgrow what is known."""
    known = [*known, new] if len(new) else known
    if sum(map(len, known[1:])) <= max(len(known[0]), _WAITING_LINKS):
        return known
    return [merge(np.concatenate(known))]


def _image_numbers(ranks: np.ndarray, uids: np.ndarray) -> np.ndarray:
    """Returns uint64[n], equal where the images are: an image of an earlier run is not the one of that uid in this."""
    high, low = halves(uids)
    return mix64(mix64(mix64(high) ^ low) ^ ranks)
