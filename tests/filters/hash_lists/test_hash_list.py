from __future__ import annotations

import hashlib

import numpy as np
import pytest

from babelsift.filters.hash_lists import HashList, HashLists
from babelsift.filters.image import hamming_distances

RANDOM = np.random.default_rng(3)
ENTRIES = RANDOM.integers(0, 256, (3000, 32), dtype=np.uint8)


def with_flipped(hashes: np.ndarray, bits: int) -> np.ndarray:
    flipped = np.unpackbits(hashes, axis=1)
    for row in flipped:
        row[RANDOM.choice(256, bits, replace=False)] ^= 1
    return np.packbits(flipped, axis=1)


@pytest.mark.parametrize("radius", [0, 15, 16, 31])
def test_what_is_near_is_found_and_nothing_else(radius):
    known = HashList("l", {"pdq": ENTRIES.tobytes()}, max_distance=radius)
    near, far = with_flipped(ENTRIES[:200], radius), with_flipped(ENTRIES[:200], radius + 1)
    images = np.concatenate([near, far, RANDOM.integers(0, 256, (100, 32), dtype=np.uint8)])
    nearest = [int(hamming_distances(ENTRIES, image).min()) for image in images]
    found = known.has({"pdq": [image.tobytes() for image in images]})
    assert found.tolist() == [distance <= radius for distance in nearest]
    assert found.sum() == 200


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256"])
def test_digests_that_end_with_zeros_and_their_neighbours(name):
    size = hashlib.new(name).digest_size
    entries = [bytes(size), b"\x01" + bytes(size - 1), bytes(size - 2) + b"\x01\x00"]
    known = HashLists((HashList("l", {name: b"".join(entries)}),))
    others = [bytes(size - 1) + b"\x01", b"\xff" * size, None]
    assert known.names({name: [*entries, *others]}) == ["l"] * 3 + [None] * 3


def test_bytes_are_found_by_whatever_digest_a_list_has():
    lists = [HashList(name, {name: hashlib.new(name, name.encode()).digest()}) for name in ("md5", "sha1", "sha256")]
    known = HashLists(tuple(lists))
    assert [known.name_of_bytes(body) for body in (b"sha1", b"md5", b"sha256", b"cat")] == [
        "sha1",
        "md5",
        "sha256",
        None,
    ]
    assert HashLists().name_of_bytes(b"cat") is None


def test_images_of_low_quality_are_not_compared():
    known = HashLists((HashList("l", {"pdq": ENTRIES.tobytes()}, min_quality=50),))
    same = [ENTRIES[0].tobytes()] * 3
    assert known.names({"pdq": same, "pdq_quality": [50, 49, None]}) == ["l", None, None]


def test_the_first_list_is_named():
    lists = [HashList(name, {"md5": bytes(16)}) for name in ("a", "b")]
    assert HashLists(tuple(lists)).names({"md5": [bytes(16)]}) == ["a"]


def test_fingerprints_change_with_what_is_left_out():
    one, other = {"md5": bytes(32)}, {"md5": bytes(31) + b"a"}
    lists = [HashList("l", one), HashList("l", other), HashList("k", one), HashList("l", one, max_distance=30)]
    assert len({HashLists((known,)).fingerprint for known in lists}) == 4
    turned = HashList("l", {"md5": bytes(16) + b"a" * 16}), HashList("l", {"md5": b"a" * 16 + bytes(16)})
    assert turned[0].fingerprint == turned[1].fingerprint
