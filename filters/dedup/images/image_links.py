"""Links between two near images: an image, the image that would be kept in its place, and how far apart they are."""

from __future__ import annotations

import numpy as np

from babelsift.filters.bytes16 import halves

# Two images with hashes within the radius; `survivor` is the one that would be kept. crop: the crop by which they are
# near, or 0 where their whole hashes are; from FIRST_VIEW on, the view.
IMAGE_LINK = np.dtype(
    [
        ("uid", "V16"),
        ("survivor", "V16"),
        ("rank", "<u8"),
        ("survivor_rank", "<u8"),
        ("distance", "<i4"),
        ("crop", "<i4"),
    ]
)

_ROW_BITS = np.uint64(32)
_ROW_MASK = np.uint64((1 << 32) - 1)


def links_between(first: np.ndarray, second: np.ndarray, *, by: str) -> np.ndarray:
    """Returns the link of each pair of records; of two images the one of the lower (rank, uid) would be kept.

    Args:
        first: IMAGE_HASHES[n]; a crop's hash may be among them.
        second: IMAGE_HASHES[n], of whole images, or of the same view as the first.
        by: the hash that is compared: `hash` or `low`.

    Returns:
        IMAGE_LINK[n].
    """
    links = np.empty(len(first), dtype=IMAGE_LINK)
    first_is_kept = _is_before(first, second)
    links["uid"] = np.where(first_is_kept, second["uid"], first["uid"])
    links["survivor"] = np.where(first_is_kept, first["uid"], second["uid"])
    links["rank"] = np.where(first_is_kept, second["rank"], first["rank"])
    links["survivor_rank"] = np.where(first_is_kept, first["rank"], second["rank"])
    links["distance"] = _hamming_distances(first[by], second[by])
    links["crop"] = first["crop"]
    return links


def nearest_of_pairs(links: np.ndarray) -> np.ndarray:
    """Returns each pair of (uid, survivor) once, with its smallest distance, whole hashes before crops.

    Args:
        links: IMAGE_LINK[n], in any order.

    Returns:
        IMAGE_LINK[m], sorted by uid, then survivor.
    """
    if not len(links):
        return links
    high, low = halves(links["uid"])
    survivor_high, survivor_low = halves(links["survivor"])
    order = _order_by(high, low, survivor_high, survivor_low, bits_of_256(links), links["crop"])
    links = links[order]
    pairs = np.stack([high, low, survivor_high, survivor_low], axis=1)[order]
    return links[np.r_[True, (pairs[1:] != pairs[:-1]).any(axis=1)]]


def bits_of_256(links: np.ndarray) -> np.ndarray:
    """Returns int32[n], the distances of links in bits of 256; those of crops are of 128 bits, and doubled.

    Args:
        links: IMAGE_LINK[n].
    """
    return np.where(links["crop"] > 0, 2 * links["distance"], links["distance"])


def order_by_rank(ranks: np.ndarray, uids: np.ndarray) -> np.ndarray:
    """Returns int64[n], the order by (rank, uid).

    Args:
        ranks: uint64[n].
        uids: V16[n].
    """
    order = _order_by(*halves(uids))
    ranked = ranks[order]
    return order if (ranked[1:] >= ranked[:-1]).all() else order[np.argsort(ranked, kind="stable")]


def _order_by(first: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Returns the order by several keys, the first of them first: uint64[n], which should tell most rows apart."""
    from babelsift.filters.dedup.images.bucket_kernels import sort_packed

    packed = (first >> _ROW_BITS) << _ROW_BITS | np.arange(len(first), dtype=np.uint64)
    sort_packed(packed, np.empty_like(packed))  # the rest is for those that the half of a key does not tell apart
    order, same = (packed & _ROW_MASK).astype(np.int64), np.diff(packed >> _ROW_BITS) == 0
    ties = np.flatnonzero(np.r_[same, False] | np.r_[False, same]) if len(order) else order
    rows = order[ties]
    order[ties] = rows[np.lexsort([key[rows] for key in (first, *others)][::-1])]
    return order


def _hamming_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    bits = np.bitwise_count(first[:, 0] ^ second[:, 0]).astype(np.int32)
    for word in range(1, first.shape[1]):
        bits += np.bitwise_count(first[:, word] ^ second[:, word])
    return bits


def _is_before(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    (high, low), (second_high, second_low) = halves(first["uid"]), halves(second["uid"])
    lower_uid = (high < second_high) | ((high == second_high) & (low < second_low))
    return (first["rank"] < second["rank"]) | ((first["rank"] == second["rank"]) & lower_uid)
