import numpy as np
import pytest

from filters.dedup import bucket_digests, nearest_survivors, verified_links


def uids(*numbers):
    return np.array([[0, number] for number in numbers], dtype=">u8").reshape(-1, 2).view("V16").ravel()


def number(uid):
    return int.from_bytes(uid.tobytes(), "big")


def flipped(hashed, *bits):
    changed = np.unpackbits(hashed)
    changed[list(bits)] ^= 1
    return np.packbits(changed)


@pytest.fixture
def base():
    return np.random.default_rng(0).integers(0, 256, 32, dtype=np.uint8)


def links(hashes, radius):
    hashes = np.stack(hashes)
    buckets = bucket_digests(hashes)
    rows = np.repeat(np.arange(len(hashes)), buckets.shape[1])
    return verified_links(buckets.ravel(), hashes[rows], uids(*range(len(hashes)))[rows], radius=radius)


def left_out(hashes, radius):
    found = nearest_survivors(links(hashes, radius))
    return {number(link["uid"]): (number(link["survivor"]), int(link["distance"])) for link in found}


def test_within_fifteen_bits_a_pair_is_always_found(base):
    spread = [16 * band for band in range(15)]  # one bit in each of fifteen bands: the worst case
    assert left_out([base, flipped(base, *spread)], radius=15) == {1: (0, 15)}


@pytest.mark.parametrize(("radius", "expected"), [(2, {}), (3, {1: (0, 3)}), (4, {1: (0, 3)})])
def test_a_distance_equal_to_the_radius_links(base, radius, expected):
    assert left_out([base, flipped(base, 0, 1, 2)], radius) == expected


def test_a_chain_does_not_join_its_ends(base):
    chain = [flipped(base, *range(10 * step)) for step in range(5)]
    # Each is 10 bits from the next; 0 takes 1, then 2 stands for itself and takes 3, then 4 stands.
    assert left_out(chain, radius=10) == {1: (0, 10), 3: (2, 10)}


def test_the_nearest_survivor_is_named(base):
    assert left_out([base, flipped(base, *range(16)), flipped(base, *range(14))], radius=14) == {2: (1, 2)}


def test_different_images_are_not_linked():
    hashes = np.random.default_rng(1).integers(0, 256, (300, 32), dtype=np.uint8)
    assert left_out(list(hashes), radius=31) == {}


def test_equal_hashes_in_one_great_bucket_all_fall_to_the_lowest_uid(base):
    assert left_out([base] * 700, radius=0) == dict.fromkeys(range(1, 700), (0, 0))
