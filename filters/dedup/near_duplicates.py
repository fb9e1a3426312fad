"""Near-duplicates among perceptual hashes: candidates by banding, each verified by its Hamming distance.

A 256-bit hash is cut into 16 bands of 16 bits; two hashes within 15 bits share at least one band for certain, and at
31 bits in more than 8 of 10 cases. Clusters are stars: a hash is left out only if it lies within the radius of a
survivor, so a chain of small steps never joins two images that are far apart.
"""

from __future__ import annotations

import numpy as np

HASH_BYTES = 32
BANDS = 16
_BAND_BYTES = HASH_BYTES // BANDS
# Hashes that share a band with more others than this are compared with the lowest uids only.
_BUCKET_CAP = 512

# A verified pair of hashes, the one of the lower uid being the candidate survivor.
LINK = np.dtype([("uid", "V16"), ("survivor", "V16"), ("distance", "<i4")])


def bucket_digests(hashes: np.ndarray) -> np.ndarray:
    """Returns the buckets of each hash, one a band.

    Args: hashes: uint8[n, 32]. Returns: uint32[n, 16]; the band's number above the band's 16 bits.
    """
    bands = np.ascontiguousarray(hashes).view(">u2").reshape(len(hashes), BANDS).astype(np.uint32)
    return bands | (np.arange(BANDS, dtype=np.uint32) << np.uint32(8 * _BAND_BYTES))


def verified_links(buckets: np.ndarray, hashes: np.ndarray, uids: np.ndarray, *, radius: int) -> np.ndarray:
    """Returns the pairs that share a bucket and lie within the radius.

    Args: buckets: uint32[n]. hashes: uint8[n, 32]. uids: V16[n]. radius: bits, >= 0; a distance equal to it links.
    Returns: LINK[m]; a pair found in several buckets is there several times.
    """
    order = np.lexsort((*_uid_halves(uids)[::-1], buckets))
    buckets, hashes, uids = buckets[order], hashes[order], uids[order]
    starts = np.flatnonzero(np.r_[True, buckets[1:] != buckets[:-1]]) if len(buckets) else np.empty(0, int)
    ends = np.r_[starts[1:], len(buckets)]
    sizes = ends - starts
    found = [np.empty(0, dtype=LINK)]
    for size in np.unique(sizes[sizes > 1]):
        for start in starts[sizes == size]:
            found.append(_links_in_bucket(hashes[start : start + size], uids[start : start + size], radius))
    return np.concatenate(found)


def nearest_survivors(links: np.ndarray) -> np.ndarray:
    """Decides who is left out: in order of uid, each that is linked to a survivor of lower uid.

    Args: links: LINK[n], in any order, repeats allowed.
    Returns: LINK[m], one for each uid that is left out, sorted by uid, with its nearest survivor (ties: lowest uid).
    """
    if not len(links):
        return links
    survivor_high, survivor_low = _uid_halves(links["survivor"])
    order = np.lexsort((survivor_low, survivor_high, links["distance"], *_uid_halves(links["uid"])[::-1]))
    out: dict[bytes, int] = {}
    for index in order:
        link = links[index]
        uid = link["uid"].tobytes()
        if uid not in out and link["survivor"].tobytes() not in out:
            out[uid] = index
    return links[list(out.values())]


def _links_in_bucket(hashes: np.ndarray, uids: np.ndarray, radius: int) -> np.ndarray:
    leaders = hashes[:_BUCKET_CAP].view(np.uint64)
    made = []
    for index in range(1, len(hashes)):
        before = leaders[: min(index, _BUCKET_CAP)]
        distances = np.bitwise_count(before ^ hashes[index].view(np.uint64)).sum(axis=1, dtype=np.int32)
        near = np.flatnonzero(distances <= radius)
        if len(near):
            links = np.empty(len(near), dtype=LINK)
            links["uid"], links["survivor"], links["distance"] = uids[index], uids[near], distances[near]
            made.append(links)
    return np.concatenate(made) if made else np.empty(0, dtype=LINK)


def _uid_halves(uids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.ascontiguousarray(uids).view(">u8").reshape(-1, 2)
    return pairs[:, 0].astype(np.uint64), pairs[:, 1].astype(np.uint64)
