"""Which buckets a perceptual hash falls into: hashes that are near share some of them.

A band is some of a hash's bytes, and a bucket all hashes that agree in a band. With two bytes a band, two of a million
hashes of different images share a bucket by chance often enough to be cheap to compare and two within 15 bits share
one for certain. Buckets of that width would grow with the table, and the comparisons with its square: from some rows
on a band has three bytes, and there are more of them.

Crops' hashes, and the low bits of whole ones that they are compared with, have bands of their own, of the 64 lowest
bits, which a crop that lies between those that are stored changes least. An image has many crops: these are fewer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from filters.mixing import mix64

# whole: a perceptual hash and all that is needed to compare it. crop: 0, or the number of a crop, from 1.
# rank: who survives, the lower first, then the lower uid; group: only hashes of one group are compared.
HASHED = np.dtype(
    [
        ("hash", "<u8", (4,)),
        ("low", "<u8", (2,)),
        ("rank", "<u8"),
        ("group", "<u8"),
        ("crop", "<u8"),
        ("uid", "V16"),
    ]
)

_WIDE_FROM_ROWS = 300_000
_CROP_BANDS = 1 << 20  # numbers of crops' bands begin here


@dataclass(frozen=True)
class Bands:
    """Bands as the bytes that they are of: `whole` of the 32 of a hash, `crops` of the 16 of a crop's."""

    whole: tuple[tuple[int, ...], ...]
    crops: tuple[tuple[int, ...], ...]


def _triples(count: int, of: int, step: int) -> tuple[tuple[int, ...], ...]:
    """As many different triples of neighbouring and not so neighbouring bytes, each byte in as many as any other."""
    found = []
    for turn in range(count):
        first, spread = turn % of, 1 + turn // of
        found.append(tuple(sorted((first, (first + spread) % of, (first + spread * step) % of))))
    return tuple(found)


_PAIRS = tuple((2 * band, 2 * band + 1) for band in range(16))
_LOW_PAIRS = (*_PAIRS[:8], (0, 2), (1, 3), (4, 6), (5, 7))
NARROW = Bands(whole=_PAIRS, crops=_LOW_PAIRS)
WIDE = Bands(whole=_triples(48, 32, 7), crops=_triples(16, 8, 3))


def bands_for(rows: int) -> Bands:
    """Returns the bands for a table of about so many rows."""
    return WIDE if rows >= _WIDE_FROM_ROWS else NARROW


def shares(bands: int, partitions: int) -> list[list[int]]:
    """Returns, for each band, the parts that share its buckets, by their numbers.

    A part has whole bands, or with more parts than bands a share of one: it looks at no others, so that the work of all
    parts together does not grow with their number.
    """
    return [list(range(band % partitions, partitions, bands)) for band in range(bands)]


def bucket_keys(
    records: np.ndarray, bands: Bands, *, crops: bool, part: tuple[int, int] = (0, 1)
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yields, band by band, the bucket of each record, of the bands that a part (number, of how many) has to do with.

    Args: records: HASHED[n]. crops: whether those of crops are meant, in which whole hashes are with their low bits.
    Yields: (the part's share of the band's buckets, of how many, uint64[n]), the last spread evenly over all numbers;
        equal where band, bytes and group are.
    """
    content = np.ascontiguousarray(records["low" if crops else "hash"]).view(np.uint8)
    columns = np.ascontiguousarray(content.reshape(len(records), -1).T)
    group = mix64(records["group"])
    chosen = bands.crops if crops else bands.whole
    for number, (places, parts) in enumerate(zip(chosen, shares(len(chosen), part[1]), strict=True)):
        if part[0] not in parts:
            continue
        band = np.full(len(records), number + crops * _CROP_BANDS, dtype=np.uint64)
        for place in places:
            band = band << np.uint64(8) | columns[place]
        yield parts.index(part[0]), len(parts), mix64(band ^ group)
