import tracemalloc

import numpy as np
import pytest

from babelsift.filters.bytes16 import from_halves
from babelsift.filters.dedup import (
    CROP_BANDS,
    FIRST_VIEW,
    IMAGE_HASHES,
    WHOLE_BANDS,
    crop_radius,
    near_image_links,
    nearest_kept_images,
    view_radius,
)
from babelsift.filters.dedup.images.image_links import order_by_rank
from babelsift.filters.image import low_bits

whole_and_split = pytest.mark.parametrize("options", [{}, {"compared_up_to": 0}])


def uids(numbers):
    return from_halves(np.zeros(len(numbers)), np.array(numbers, dtype=np.uint64))


def number(uid):
    return int.from_bytes(uid.tobytes(), "big")


def flipped(hashed, *bits):
    changed = np.unpackbits(hashed)
    changed[list(bits)] ^= 1
    return np.packbits(changed)


def records(hashes, *, ids=None, rank=0, group=0, crop=0):
    hashes = np.stack(hashes).astype(np.uint8)
    made = np.zeros(len(hashes), dtype=IMAGE_HASHES)
    made["hash"], made["low"] = hashes.view(np.uint64), np.ascontiguousarray(low_bits(hashes)).view(np.uint64)
    made["uid"] = uids(range(len(hashes)) if ids is None else ids)
    made["rank"], made["group"], made["crop"] = rank, group, crop
    return made


def left_out(made, radius, **options):
    found = nearest_kept_images(near_image_links(made, radius=radius, **options))
    return {number(link["uid"]): (number(link["survivor"]), int(link["distance"])) for link in found}


@pytest.fixture
def base():
    return np.random.default_rng(0).integers(0, 256, 32, dtype=np.uint8)


@pytest.mark.parametrize(
    "bits",
    [
        range(0, 240, 16),  # one in each of fifteen bands: the worst case of these
        *(range(first, first + 15) for first in (0, 64)),  # in the words that are compared first
    ],
)
def test_within_fifteen_bits_a_pair_is_always_found(base, bits):
    assert left_out(records([base, flipped(base, *bits)]), 15) == {1: (0, 15)}


@whole_and_split
@pytest.mark.parametrize(("radius", "expected"), [(2, {}), (3, {1: (0, 3)}), (4, {1: (0, 3)})])
def test_a_distance_equal_to_the_radius_links(base, radius, expected, options):
    assert left_out(records([base, flipped(base, 0, 1, 2)]), radius, **options) == expected


def test_a_chain_does_not_join_its_ends(base):
    chain = [flipped(base, *range(10 * step)) for step in range(5)]
    # Each is 10 bits from the next; 0 takes 1, then 2 stands for itself and takes 3, then 4 stands.
    assert left_out(records(chain), 10) == {1: (0, 10), 3: (2, 10)}


def test_the_nearest_survivor_is_named(base):
    made = records([base, flipped(base, *range(16)), flipped(base, *range(14))])
    assert left_out(made, 14) == {2: (1, 2)}


@whole_and_split
def test_different_images_are_not_linked(options):
    hashes = np.random.default_rng(1).integers(0, 256, (300, 32), dtype=np.uint8)
    assert left_out(records(hashes), 31, **options) == {}


def test_equal_hashes_in_one_great_bucket_all_fall_to_the_lowest_uid(base):
    assert left_out(records([base] * 700), 0) == dict.fromkeys(range(1, 700), (0, 0))


def test_the_lower_rank_survives_whatever_the_uids(base):
    made = records([base, flipped(base, 1), flipped(base, 2)], rank=np.array([5, 7, 2]))
    assert left_out(made, 8) == {0: (2, 1), 1: (2, 2)}


def test_groups_do_not_meet(base):
    made = records([base] * 4, group=np.array([1, 2, 1, 2]))
    assert left_out(made, 8) == {2: (0, 0), 3: (1, 0)}


def test_only_survivors_of_low_rank_where_so_asked(base):
    far = flipped(base, *range(40))
    made = records([base, flipped(base, 3), far, flipped(far, 3), flipped(base, 5)], rank=np.array([0, 1, 1, 1, 0]))
    assert left_out(made, 8, ranked_below=1) == {1: (0, 1)}


def crop_of(whole_hash, *, uid, number=3, flips=()):
    made = records([whole_hash], ids=[uid], crop=number)
    low = np.unpackbits(made["low"].view(np.uint8))
    low[list(flips)] ^= 1
    made["low"] = np.packbits(low).view(np.uint64)
    made["hash"] = 0
    return made


@whole_and_split
def test_a_crop_links_both_ways(base, options):
    other = np.random.default_rng(9).integers(0, 256, 32, dtype=np.uint8)
    whole = records([base, other])
    for owner, cropped in ((0, other), (1, base)):  # the crop of one image has the other image's hash
        made = np.concatenate([whole, crop_of(cropped, uid=owner, flips=(0, 40))])
        [link] = near_image_links(made, radius=31, **options)
        assert (number(link["uid"]), number(link["survivor"]), link["distance"], link["crop"]) == (1, 0, 2, 3)


def test_a_crop_beyond_its_radius_does_not_link(base):
    other = np.random.default_rng(9).integers(0, 256, 32, dtype=np.uint8)
    flips = range(64, 82)  # none in the lowest 64 bits
    assert crop_radius(31) == 17
    for count, expected in ((17, 1), (18, 0)):
        made = np.concatenate([records([base, other]), crop_of(base, uid=1, flips=flips[:count])])
        assert len(near_image_links(made, radius=31)) == expected


def view_of(whole_hash, *, uid, number=FIRST_VIEW + 1, flips=(), group=0):
    made = crop_of(whole_hash, uid=uid, number=number, flips=flips)
    made["group"] = group
    return made


@whole_and_split
def test_views_of_one_number_link(base, options):
    made = np.concatenate([view_of(base, uid=4), view_of(base, uid=3, flips=range(64, 64 + view_radius(31)))])
    [link] = near_image_links(made, radius=31, **options)
    found = number(link["uid"]), number(link["survivor"]), link["distance"], link["crop"]
    assert found == (4, 3, view_radius(31), FIRST_VIEW + 1)


def test_views_of_other_numbers_or_groups_or_beyond_the_radius_do_not_link(base):
    far = view_of(base, uid=6, flips=range(64, 65 + view_radius(31)))
    others = [view_of(base, uid=2, number=FIRST_VIEW), view_of(base, uid=4, group=9), crop_of(base, uid=5), far]
    for other in others:
        assert not len(near_image_links(np.concatenate([view_of(base, uid=3), other]), radius=31))


def test_of_views_only_those_of_low_rank_survive_where_so_asked(base):
    made = np.concatenate([view_of(base, uid=uid) for uid in range(4)])
    made["rank"] = [1, 1, 0, 0]
    assert left_out(made, 31, ranked_below=1) == {0: (2, 0), 1: (2, 0)}


def test_an_image_is_no_duplicate_of_its_own_crops(base):
    made = np.concatenate([records([base]), crop_of(base, uid=0)])
    assert not len(near_image_links(made, radius=31))


def test_a_crop_is_no_copy_of_what_has_one_row_of_frequencies_over_and_over(base):
    signs = np.random.default_rng(4).integers(0, 2, (2, 16), dtype=np.uint8)
    corner = np.packbits(signs[0][:, None] ^ signs[1])
    assert not len(near_image_links(np.concatenate([records([corner, base]), crop_of(corner, uid=1)]), radius=31))
    assert len(near_image_links(np.concatenate([records([base, corner]), crop_of(base, uid=1)]), radius=31)) == 1
    assert left_out(records([corner, flipped(corner, 4)]), 31) == {1: (0, 1)}  # whole hashes are compared all the same


def planted(count, seed=3, most=24):
    draw = np.random.default_rng(seed)
    hashes = draw.integers(0, 256, (count, 32), dtype=np.uint8)
    for row in range(0, count, 4):
        hashes[row] = flipped(hashes[(7 * row + 1) % count], *draw.permutation(256)[: draw.integers(0, most)])
    return hashes


@whole_and_split
def test_parts_together_find_what_one_part_finds(options):
    made = records(planted(400), rank=np.arange(400) % 3)
    whole = near_image_links(made, radius=20, **options)
    parts = [near_image_links(made, radius=20, **options, partition=part, partitions=5) for part in range(5)]
    assert len(whole) > 50
    assert {link.tobytes() for link in whole} == {link.tobytes() for part in parts for link in part}
    assert sum(len(part) > 0 for part in parts) > 1
    assert np.array_equal(nearest_kept_images(np.concatenate(parts)), nearest_kept_images(whole))


@pytest.mark.parametrize(("options", "least"), [({}, 0.98), ({"compared_up_to": 0}, 0.975)])
def test_most_pairs_within_the_radius_are_found(options, least):
    made = records(planted(2000, most=31))
    bits = np.unpackbits(made["hash"].view(np.uint8), axis=1).astype(np.int32)
    distances = bits.sum(1)[:, None] + bits.sum(1)[None] - 2 * bits @ bits.T
    near = int((np.triu(distances <= 31, 1)).sum())
    links = near_image_links(made, radius=31, **options)
    assert all(distances[number(link["uid"]), number(link["survivor"])] == link["distance"] for link in links)
    assert least * near <= len(links) <= near


def by_the_book(made, links):
    """In order of rank and uid, each image is left out if it is linked to one that stays."""
    stays, partners = {}, {}
    for link in links:
        partners.setdefault(number(link["uid"]), []).append(number(link["survivor"]))
    for row in np.lexsort((np.arange(len(made)), made["rank"])):
        stays[row] = not any(stays[other] for other in partners.get(row, ()))
    return {row for row, stay in stays.items() if not stay}


@pytest.mark.parametrize("seed", range(4))
def test_rounds_decide_as_one_by_one_would(seed):
    draw = np.random.default_rng(seed)
    start = draw.integers(0, 256, 32, dtype=np.uint8)
    hashes = [start]
    for _ in range(300):  # long chains that fold back on themselves
        hashes.append(flipped(hashes[draw.integers(max(0, len(hashes) - 9), len(hashes))], *draw.permutation(256)[:6]))
    made = records(hashes, rank=draw.integers(0, 3, len(hashes)))
    links = near_image_links(made, radius=12)
    assert set(left_out(made, 12)) == by_the_book(made, links)


@pytest.mark.parametrize(("bands", "places"), [(WHOLE_BANDS, 32), (CROP_BANDS, 16)])
def test_each_byte_is_in_a_band_and_no_band_is_split_by_its_own(bands, places):
    assert len({band.pair for band in bands}) == len(bands)
    assert {place for band in bands for place in band.pair} == set(range(places))
    assert all(len({*band.pair, *band.splits}) == 2 + len(band.splits) for band in bands)
    assert all(place < places for band in bands for place in band.splits)


def test_a_bucket_of_too_many_is_split_and_what_agrees_in_a_byte_more_is_compared(base):
    band = WHOLE_BANDS[0]
    hashes = np.random.default_rng(5).integers(0, 256, (300, 32), dtype=np.uint8)
    hashes[:, list(band.pair)] = base[list(band.pair)]
    near = [8 * place for place in range(32) if place not in band.pair]  # a bit in each byte that is not of the pair
    hashes[1] = flipped(hashes[0], *near)
    assert left_out(records(hashes), 30) == {}
    assert left_out(records(hashes[:250]), 30) == {1: (0, 30)}
    hashes[1] = flipped(hashes[0], *(bit for bit in near if bit != 8 * band.splits[-1]))
    assert left_out(records(hashes), 30) == {1: (0, 29)}


@pytest.mark.parametrize("seed", range(3))
def test_the_order_is_that_of_rank_and_uid_bytes_whatever_they_share(seed):
    draw = np.random.default_rng(seed)
    rank, numbers = draw.integers(0, 3, 500, dtype=np.uint64), draw.integers(0, 1 << 63, (500, 2))
    numbers[draw.random(500) < 0.3, 0] = 7
    numbers[draw.random(500) < 0.3, 0] &= ~0xFFFF
    shared = np.ascontiguousarray(numbers.astype(">u8")).view("V16").ravel()
    order = order_by_rank(rank, shared)
    assert list(order) == sorted(range(500), key=lambda row: (rank[row], shared[row].tobytes()))


def test_memory_is_bounded_where_a_twentieth_of_all_hashes_shares_its_buckets(base):
    draw = np.random.default_rng(8)
    hashes = draw.integers(0, 256, (20_000, 32), dtype=np.uint8)
    skewed = 1_000
    hashes[:skewed] = base
    hashes[:skewed, -2:] = draw.integers(0, 256, (skewed, 2))  # near each other, all in one bucket of fifteen bands
    made = records(hashes)
    tracemalloc.start()
    links = near_image_links(made, radius=31)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(links) <= 2 * 16 * skewed  # of half a million pairs, in each of the bands
    assert peak < 60 << 20
    assert {number(link["uid"]) for link in nearest_kept_images(links)} == set(range(1, skewed))


def test_nothing_to_compare():
    nothing = np.empty(0, dtype=IMAGE_HASHES)
    assert len(nearest_kept_images(near_image_links(nothing, radius=31))) == 0


@pytest.mark.parametrize("crop", [1, FIRST_VIEW + 2])
def test_crops_and_views_of_other_colours_are_not_near(base, crop):
    red = [3000, 900, 400, 300]
    found = []
    for colours in (red, [-3000, 900, 400, 300], [0, 0, 0, 0]):
        whole, copy = records([base], crop=crop if crop >= FIRST_VIEW else 0), records([base], ids=[1], crop=crop)
        copy["low"][0, 0] ^= np.uint64(0b1001001)
        whole["colours"], copy["colours"] = red, colours
        found.append(left_out(np.concatenate([whole, copy]), 31))
    assert found == [{1: (0, 3)}, {}, {1: (0, 3)}]


def test_whole_hashes_are_near_whatever_their_colours(base):
    made = records([base, flipped(base, 3)])
    made["colours"] = [[3000, 900, 400, 300], [-3000, 900, 400, 300]]
    assert left_out(made, 31) == {1: (0, 1)}
