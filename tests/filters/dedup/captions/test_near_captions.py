import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.bytes16 import from_halves
from babelsift.filters.dedup import (
    CAPTION_LINK,
    bucket_entries,
    candidate_pairs,
    comparable_captions,
    distinct_pairs,
    greedy_independent_set,
    lowest_links,
    max_differing_bits,
    minhash,
    near_caption_links,
    nearest_kept_captions,
    shingle_sets,
)
from babelsift.schemas.recipe import NearCaptions

UNSPACED = ((0x4E00, 0x9FFF), (0x3041, 0x30FF), (0x0E01, 0x0E5B))
ALPHABETS = (
    "abcdefghij klmno pqrstuvw",
    "абвгд еёжзи йклмн опрст",
    "雪山風景車犬猫花海空川木森林石田人大小中国日月",
    "กขคงจฉชซญดตถทธนบปผฝพฟภมยรลวสหอ",
    "اب تثج حخدذ رزسش صضطظ",
    "कखग घङचछ जझञट ठडढण",
)


def uids(numbers):
    return from_halves(np.zeros(len(numbers)), np.array(numbers, dtype=np.uint64))


def number(uid):
    return int.from_bytes(uid.tobytes(), "big")


def is_unspaced(character):
    return any(first <= ord(character) <= last for first, last in UNSPACED)


def shingles_of(text, ngram):
    """The rule of `shingle_sets`, one character after the other."""
    text, found = f" {text} ", set()
    for start, character in enumerate(text):
        wide = is_unspaced(character) or (character == " " and is_unspaced(text[start + 1 : start + 2] or " "))
        size = min(2, ngram) if wide else ngram
        if start + size <= len(text):
            found.add(text[start : start + size])
    return found or {text}


def links(captions, settings):
    """{(uid, survivor): similarity} of captions already in comparable form, the uid being the place."""
    sets = shingle_sets(pa.array(captions, pa.large_string()), ngram=settings.ngram)
    bands, rows = settings.banding
    entries = bucket_entries(*minhash(sets, bands=bands, rows=rows), uids(range(len(captions))))
    most = max_differing_bits(bands, rows, min_jaccard=settings.min_jaccard)
    pairs = candidate_pairs(entries, max_differing=most)
    return near_caption_links(pairs, uids(range(len(captions))), sets, min_jaccard=settings.min_jaccard)


def as_dict(found):
    return {(number(link["uid"]), number(link["survivor"])): float(link["jaccard"]) for link in found}


def families(draw, alphabet, count):
    """Captions of which many are another one with a few characters changed."""
    made = set()
    while len(made) < count:
        base = [draw.choice(alphabet) for _ in range(draw.randrange(20, 60))]
        for _ in range(draw.randrange(4, 9)):
            changed = list(base)
            for _ in range(draw.randrange(3)):
                changed[draw.randrange(len(changed))] = draw.choice(alphabet)
            made.add("".join(changed))
    return comparable_captions(pa.array(sorted(made))).unique().to_pylist()


@given(st.lists(st.text(alphabet="ab 雪山あしไท1", max_size=14), min_size=1, max_size=8), st.integers(1, 7))
def test_shingles_are_those_of_the_rule(captions, ngram):
    sets = shingle_sets(pa.array(captions), ngram=ngram)
    assert sets.sizes.tolist() == [len(shingles_of(caption, ngram)) for caption in captions]
    both = shingle_sets(pa.array(captions + captions[::-1]), ngram=ngram)
    assert both.take(np.arange(len(captions))).hashes.tolist() == sets.hashes.tolist()


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("min_jaccard", [0.5, 0.8])
def test_what_is_found_is_near_and_nearly_all_that_is_near_is_found(alphabet, min_jaccard):
    settings = NearCaptions(min_jaccard=min_jaccard)
    captions = families(random.Random(alphabet), alphabet, 450)
    found = as_dict(links(captions, settings))
    sets = [shingles_of(caption, settings.ngram) for caption in captions]
    truth = {
        (later, earlier): similarity
        for later, one in enumerate(sets)
        for earlier, other in enumerate(sets[:later])
        if (similarity := len(one & other) / len(one | other)) >= min_jaccard
    }
    assert len(truth) > 40
    assert set(found) <= set(truth)
    assert all(similarity == pytest.approx(truth[pair]) for pair, similarity in found.items())
    assert len(found) >= settings.min_recall * len(truth)


def test_a_similarity_equal_to_the_threshold_is_near():
    # Each has eleven shingles of three characters with the spaces around it; they share eight of fourteen.
    one, other = "abcdefghijk", "abcdefghixk"
    similarity = 8 / 14
    at, above = (NearCaptions(min_jaccard=value, ngram=3) for value in (similarity, similarity + 1e-9))
    sets = shingle_sets(pa.array([one, other]), ngram=3)
    pair = distinct_pairs(np.array([(uids([1])[0], uids([0])[0])], dtype=[("uid", "V16"), ("survivor", "V16")]))
    for settings, count in ((at, 1), (above, 0)):
        assert len(near_caption_links(pair, uids([0, 1]), sets, min_jaccard=settings.min_jaccard)) == count


def test_captions_too_short_for_a_shingle_are_near_to_their_equals_only():
    found = links(["dog", "dog", "dogs", "", "", "雪"], NearCaptions(min_jaccard=0.3))
    assert set(as_dict(found)) == {(1, 0), (4, 3)}


def test_no_more_than_the_first_thousand_characters_are_compared():
    sets = shingle_sets(pa.array(["a b " * 1000, "ab" * 100_000]), ngram=5)
    assert sets.sizes.max() < 10
    numbers = " ".join(map(str, range(100_000)))
    assert shingle_sets(pa.array([numbers]), ngram=5).sizes[0] <= 1024


def test_a_great_bucket_makes_few_candidates_a_caption():
    count = 20_000
    draw = np.random.default_rng(0)
    buckets = np.zeros((count, 1), dtype=np.uint64)
    entries = bucket_entries(buckets, draw.integers(0, 2**60, count, dtype=np.uint64), uids(range(count)))
    pairs = candidate_pairs(entries, max_differing=64)
    assert count - 32 <= len(pairs) <= 2 * count
    assert max(map(number, pairs["survivor"])) < 32


def test_of_a_great_bucket_of_equals_all_fall_to_the_first():
    found = nearest_kept_captions(links(["the same caption again and again"] * 700, NearCaptions()))
    assert {number(link["uid"]): number(link["survivor"]) for link in found} == dict.fromkeys(range(1, 700), 0)


def made_links(pairs):
    made = np.empty(len(pairs), dtype=CAPTION_LINK)
    later, earlier, jaccard = (list(column) for column in zip(*pairs, strict=True)) if pairs else ([], [], [])
    made["uid"], made["survivor"], made["jaccard"] = uids(later), uids(earlier), jaccard
    return made


def test_a_chain_does_not_join_its_ends():
    chain = made_links([(1, 0, 0.9), (2, 1, 0.9), (3, 2, 0.9), (4, 3, 0.9)])
    assert set(as_dict(nearest_kept_captions(chain))) == {(1, 0), (3, 2)}


def test_the_most_similar_survivor_is_named_and_of_equals_the_first():
    found = nearest_kept_captions(made_links([(5, 3, 0.9), (5, 2, 0.95), (5, 1, 0.95), (3, 1, 0.9)]))
    assert set(as_dict(found)) == {(5, 1), (3, 1)}


EDGES = st.sets(st.tuples(st.integers(0, 14), st.integers(0, 14)).filter(lambda edge: edge[0] > edge[1]), max_size=40)


@given(EDGES)
def test_stars_are_those_of_deciding_one_by_one(edges):
    out = set()
    for one in range(15):
        if any(later == one and earlier not in out for later, earlier in edges):
            out.add(one)
    later, earlier = (np.array([edge[end] for edge in edges], dtype=np.int64) for end in (0, 1))
    assert set(np.flatnonzero(~greedy_independent_set(later, earlier, 15))) == out


@given(EDGES)
def test_a_caption_keeps_its_links_to_the_lowest_uids(edges):
    many = made_links([(20, earlier, 0.9) for earlier in range(20)] + [(*edge, 0.9) for edge in edges])
    kept = as_dict(lowest_links(many))
    assert {earlier for later, earlier in kept if later == 20} == set(range(8))
    for later in {later for later, _ in edges}:
        lowest = sorted(earlier for one, earlier in edges if one == later)[:8]
        assert sorted(earlier for one, earlier in kept if one == later) == lowest
