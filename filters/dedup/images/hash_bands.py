"""Which buckets a perceptual hash falls into: hashes that are near share some of them.

A band is two of a hash's bytes, and a bucket all hashes that agree in a band: two within 15 bits share one for certain.
Up to ten million rows all of a bucket are compared. Buckets grow with the table, and their comparisons with its square:
a larger bucket is split by some more of its hashes' bytes in turn, and what agrees in one of them is compared.

Crops' hashes, and the low bits of whole ones that they are compared with, have bands of their own, most of them of the
64 lowest bits, which a crop that lies between those that are stored changes least.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from babelsift.filters.mix64 import mix64

# hash: a perceptual hash. low: its low bits, which crops are compared by. rank: which image is kept, the lower first,
# then the lower uid. group: only hashes of one group are compared. crop: 0; the number of a crop, from 1; or that of a
# view, from FIRST_VIEW on, which is compared with others of its number alone. colours: the image's, all zero where they
# are not known.
IMAGE_HASHES = np.dtype(
    [
        ("hash", "<u8", (4,)),
        ("low", "<u8", (2,)),
        ("rank", "<u8"),
        ("group", "<u8"),
        ("crop", "<u8"),
        ("colours", "<i2", (4,)),
        ("uid", "V16"),
    ]
)
FIRST_VIEW = 1 << 8
WHOLE_VIEW = FIRST_VIEW  # the low bits of the whole image; the others follow

_CROP_BANDS = 1 << 20  # numbers of crops' bands begin here
_ROW_BITS = np.uint64(32)


@dataclass(frozen=True)
class Band:
    """Bytes of a hash: `pair`, in which all of a bucket agree, and `splits`, by each of which a large one is split."""

    pair: tuple[int, int]
    splits: tuple[int, ...]


def _band(pair: tuple[int, int], others: Iterable[int], splits: int) -> Band:
    return Band(pair, tuple([byte for byte in others if byte not in pair][:splits]))


# Bytes of a whole hash are half a row of its 16 x 16 frequencies, lowest first: even ones are steadier.
WHOLE_BANDS = tuple(
    _band((low, low + 1), [(low + step) % 32 for step in range(2, 32, 2)], 6) for low in range(0, 32, 2)
)
_LOW_PAIRS = (*((byte, byte + 1) for byte in range(0, 16, 2)), (0, 2), (1, 3), (4, 6), (5, 7))
CROP_BANDS = tuple(_band(pair, range(16), 8) for pair in _LOW_PAIRS)


def partitions_of_bands(bands: int, partitions: int) -> list[list[int]]:
    """Returns for each band the numbers of the partitions that share its buckets.

    A partition has whole bands, or, where there are more partitions than bands, a share of one band. It looks at no
    others, so that the work of all partitions together does not grow with their number.

    Args:
        bands: how many bands there are.
        partitions: how many partitions there are.

    >>> partitions_of_bands(2, 3), partitions_of_bands(3, 2)
    ([[0, 2], [1]], [[0], [1], [0]])
    """
    return [list(range(band % partitions, partitions, bands)) for band in range(bands)]


def owning_partitions(keys: np.ndarray, partitions: list[int]) -> np.ndarray:
    """Returns int64[n], the partition of each bucket.

    Args:
        keys: uint64[n], of buckets of one band.
        partitions: the numbers of those that share the band's buckets.
    """
    return np.array(partitions)[(keys % np.uint64(len(partitions))).astype(np.int64)]


def bucket_keys(hashes: np.ndarray, groups: np.ndarray, number: int, *, crops: bool) -> np.ndarray:
    """Returns uint64[n], the bucket of each hash in a band, spread evenly over all numbers.

    Args:
        hashes: uint64[n, 4], or for crops' bands uint64[n, 2], low bits.
        groups: uint64[n].
        number: the band's.
        crops: whether the band is of crops' hashes.
    """
    high, low = (CROP_BANDS if crops else WHOLE_BANDS)[number].pair
    content = hashes.view(np.uint8).reshape(len(hashes), -1)
    code = np.uint64(number + crops * _CROP_BANDS) << np.uint64(16)
    return mix64((content[:, high].astype(np.uint64) << np.uint64(8) | content[:, low] | code) ^ mix64(groups))


def packed_buckets(
    hashes: np.ndarray, groups: np.ndarray, *, crops: bool, partition: tuple[int, int]
) -> Iterator[tuple[Band, np.ndarray]]:
    """Yields the buckets of a partition's rows, band by band.

    Args:
        hashes: uint64[n, 4], or for crops' bands uint64[n, 2], low bits.
        groups: uint64[n].
        crops: whether the bands are those of crops.
        partition: (its number, how many there are).

    Yields:
        (the band, uint64[m], bucket << 32 | row), sorted; equal buckets where band, bytes and group are; valid until
        the next is asked for.
    """
    from babelsift.filters.dedup.images.bucket_kernels import sort_by_bytes, sort_packed

    bands = CROP_BANDS if crops else WHOLE_BANDS
    packed, spare = np.empty(len(hashes), np.uint64), np.empty(len(hashes), np.uint64)
    one_group = not len(groups) or bool((groups == groups[0]).all())
    for number, sharing in enumerate(partitions_of_bands(len(bands), partition[1])):
        if partition[0] not in sharing:
            continue
        if one_group and len(sharing) == 1:
            sort_by_bytes(hashes, bands[number].pair, packed, spare)
            yield bands[number], packed
            continue
        keys = bucket_keys(hashes, groups, number, crops=crops)
        rows = np.flatnonzero(owning_partitions(keys, sharing) == partition[0])
        packed[: len(rows)] = (keys[rows] >> _ROW_BITS) << _ROW_BITS | rows.astype(np.uint64)
        sort_packed(packed[: len(rows)], spare[: len(rows)])
        yield bands[number], packed[: len(rows)]
