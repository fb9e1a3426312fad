"""Near-duplicates among perceptual hashes: candidates by banding, each verified by its Hamming distance.

Everything is decided array by array. Memory is bounded whatever the hashes are: a bucket's hashes are compared with its
first ones only, and a hash keeps so many links a bucket and no more.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from filters.dedup.bit_patterns import has_varied_rows
from filters.dedup.hash_bands import Bands, bucket_keys

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

# A hash is compared with so many others of its bucket, those of the lowest rank and uid, and linked to fewer.
_BUCKET_CAP = 256
_LINKS_A_BUCKET = 16
_WAITING_LINKS = 1 << 17
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
    bands: Bands,
    partition: int = 0,
    partitions: int = 1,
    ranked_below: int | None = None,
) -> np.ndarray:
    """Returns the pairs that share a bucket and lie within the radius, each once with its smallest distance.

    Args:
        records: HASHED[n], in any order. radius: bits, >= 0; a distance equal to it links.
        partition, partitions: only buckets of this part count, so that parts may be worked on apart.
        ranked_below: only records of a lower rank may be survivors; None: all may.
    Returns: LINK[m].
    """
    records = records[record_order(records)]
    whole, crops = records[records["crop"] == 0], records[records["crop"] > 0]
    found = [np.empty(0, dtype=LINK)]
    part = (partition, partitions)
    if len(whole):
        for rows, others in _whole_pairs(whole, bands, part, radius, ranked_below):
            found = _merged(found, _links(whole, rows, whole, others, "hash"))
    if len(whole) and len(crops):
        for rows, others in _crop_pairs(crops, whole, bands, part, crop_radius(radius), ranked_below):
            found = _merged(found, _links(crops, rows, whole, others, "low"))
    return nearest_of_pairs(np.concatenate(found))


def _merged(found: list[np.ndarray], links: np.ndarray) -> list[np.ndarray]:
    """Adds links; a pair that is near is found in most bands, so they are merged before they outgrow what is known."""
    found = [*found, links] if len(links) else found
    if sum(map(len, found[1:])) <= max(len(found[0]), _WAITING_LINKS):
        return found
    return [nearest_of_pairs(np.concatenate(found))]


def record_order(records: np.ndarray) -> np.ndarray:
    """Returns the order by (rank, uid, crop)."""
    return np.lexsort((records["crop"], *halves(records["uid"])[::-1], records["rank"]))


def nearest_of_pairs(links: np.ndarray) -> np.ndarray:
    """Returns each pair of (uid, survivor) once, with its smallest distance, sorted; whole hashes before crops."""
    if not len(links):
        return links
    high, low = halves(links["uid"])
    survivor_high, survivor_low = halves(links["survivor"])
    order = np.lexsort((links["crop"], _bits_of_256(links), survivor_low, survivor_high, low, high))
    links = links[order]
    pairs = np.stack([high, low, survivor_high, survivor_low], axis=1)[order]
    return links[np.r_[True, (pairs[1:] != pairs[:-1]).any(axis=1)]]


def halves(uids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the two 64-bit halves of uids as numbers; they order as the bytes do."""
    pairs = np.ascontiguousarray(uids).view(">u8").reshape(-1, 2)
    return pairs[:, 0].astype(np.uint64), pairs[:, 1].astype(np.uint64)


def _bits_of_256(links: np.ndarray) -> np.ndarray:
    return np.where(links["crop"] > 0, 2 * links["distance"], links["distance"])


def _packed(keys: np.ndarray, part: tuple[int, int]) -> np.ndarray:
    """The rows whose bucket is of the part, as sorted numbers of bucket and row: the fastest sort there is."""
    rows = np.arange(len(keys), dtype=np.uint64)
    if part[1] > 1:
        rows = rows[keys % np.uint64(part[1]) == np.uint64(part[0])]
        keys = keys[rows]
    packed = (keys >> _ROW_BITS) << _ROW_BITS | rows
    packed.sort()
    return packed


def _shared(packed: np.ndarray) -> np.ndarray:
    """Leaves out the rows that are alone in their bucket, which with wide bands are most."""
    same = np.diff(packed >> _ROW_BITS) == 0
    return packed[np.r_[same, False] | np.r_[False, same]] if len(packed) else packed


def _whole_pairs(
    whole: np.ndarray, bands: Bands, part: tuple[int, int], radius: int, ranked_below: int | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    hashes = np.ascontiguousarray(whole["hash"])
    leading = len(whole) if ranked_below is None else int(np.searchsorted(whole["rank"], ranked_below))
    for share, of, keys in bucket_keys(whole, bands, crops=False, part=part):
        packed = _shared(_packed(keys, (share, of)))
        if not len(packed):
            continue
        buckets, rows = packed >> _ROW_BITS, (packed & _ROW_MASK).astype(np.int64)
        starts = np.flatnonzero(np.r_[True, buckets[1:] != buckets[:-1]])
        sizes = np.diff(np.r_[starts, len(packed)])
        first = np.repeat(starts, sizes)
        last = np.minimum(np.arange(len(rows)), first + np.repeat(np.add.reduceat(rows < leading, starts), sizes))
        if ranked_below is not None:
            last[rows < leading] = 0
        yield from _near_leaders((hashes, rows), (hashes, rows), first, last, radius)


def _crop_pairs(
    crops: np.ndarray, whole: np.ndarray, bands: Bands, part: tuple[int, int], radius: int, ranked_below: int | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    of_crops, of_whole = (np.ascontiguousarray(records["low"]) for records in (crops, whole))
    crop_images, whole_images = _identities(crops), _identities(whole)
    keys_of = [bucket_keys(records, bands, crops=True, part=part) for records in (crops, whole)]
    for (share, of, crop_keys), (_, _, whole_keys) in zip(*keys_of, strict=True):
        packed_crops, packed = _packed(crop_keys, (share, of)), _packed(whole_keys, (share, of))
        crop_rows, rows = ((some & _ROW_MASK).astype(np.int64) for some in (packed_crops, packed))
        buckets, wanted = packed >> _ROW_BITS, packed_crops >> _ROW_BITS
        first, last = (np.searchsorted(buckets, wanted, side) for side in ("left", "right"))
        for near, others in _near_leaders((of_crops, crop_rows), (of_whole, rows), first, last, radius):
            wanted_pair = (crop_images[near] != whole_images[others]).any(axis=1)
            if ranked_below is not None:
                wanted_pair &= (crops["rank"][near] < ranked_below) != (whole["rank"][others] < ranked_below)
            wanted_pair[wanted_pair] = has_varied_rows(whole["hash"][others[wanted_pair]])
            yield near[wanted_pair], others[wanted_pair]


def _near_leaders(
    entries: tuple[np.ndarray, np.ndarray],
    leaders: tuple[np.ndarray, np.ndarray],
    first: np.ndarray,
    last: np.ndarray,
    radius: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (rows, leaders' rows) within the radius.

    Args: entries, leaders: (hashes, and the rows of them in the order of their buckets). first, last: the leaders that
        each entry is compared with.
    """
    (hashes, rows), (leader_hashes, leader_rows) = entries, leaders
    linked = np.zeros(len(rows), dtype=np.uint8)
    active = np.flatnonzero(first < last)
    for step in range(_BUCKET_CAP):
        active = active[(first[active] + step < last[active]) & (linked[active] < _LINKS_A_BUCKET)]
        if not len(active):
            return
        ours, others = rows[active], leader_rows[first[active] + step]
        near = _distances(hashes[ours], leader_hashes[others]) <= radius
        linked[active[near]] += 1
        yield ours[near], others[near]


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    total = np.bitwise_count(a[:, 0] ^ b[:, 0]).astype(np.int32)
    for word in range(1, a.shape[1]):
        total += np.bitwise_count(a[:, word] ^ b[:, word])
    return total


def _identities(records: np.ndarray) -> np.ndarray:
    return np.stack([*halves(records["uid"]), records["rank"]], axis=1)


def _links(records: np.ndarray, rows: np.ndarray, wholes: np.ndarray, others: np.ndarray, hashed: str) -> np.ndarray:
    """The links of pairs: the record of the lower (rank, uid) is the one that would survive."""
    ours, theirs = records[rows], wholes[others]
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
