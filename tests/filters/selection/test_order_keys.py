import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.selection import add_counts, count_digits, digit_at, highest_first, order_by, score_at
from babelsift.filters.uids import compute_uids, draws_for, order_keys


@given(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=30))
def test_numbers_sort_as_scores_do_and_give_them_back(scores):
    scores = np.array(scores, np.float32)
    keys = highest_first(scores)
    assert scores[np.argsort(keys, kind="stable")].tolist() == sorted(scores.tolist(), reverse=True)
    assert [score_at(int(key)) for key in keys] == scores.tolist()
    assert ((keys[:, None] < keys[None]) == (scores[:, None] > scores[None])).all()


def test_a_missing_score_comes_last():
    keys = highest_first(np.array([np.nan, -1.0, -np.inf], np.float32))
    assert keys.argmax() == 0


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=60), st.data())
def test_digits_find_the_key_at_a_rank(keys, data):
    keys = np.array(keys + keys[:3], np.uint64)
    rank = data.draw(st.integers(0, len(keys) - 1))
    prefix, left = 0, rank
    for place in range(4):
        halves = (keys[::2], keys[1::2])
        digit, left, equal = digit_at(add_counts(count_digits(half, prefix, place) for half in halves), left)
        prefix = prefix << 16 | digit
    assert prefix == np.sort(keys)[rank]
    assert equal == (keys == np.uint64(prefix)).sum()
    assert left == rank - (keys < np.uint64(prefix)).sum()


def test_a_rank_beyond_the_keys_is_an_error():
    with pytest.raises(ValueError, match="rank 2 of 2 keys"):
        digit_at({5: 2}, 2)


def test_draws_for_a_purpose_are_not_those_of_another_or_of_the_shards():
    uids = compute_uids(pa.array(["a"] * 200), pa.array([str(number) for number in range(200)]))
    caps, balance, shards = draws_for(uids, 0, "caps"), draws_for(uids, 0, "balance"), order_keys(uids, 0)
    assert (draws_for(uids, 0, "caps") == caps).all()
    for one, other in ((caps, balance), (caps, shards), (balance, shards), (caps, draws_for(uids, 1, "caps"))):
        assert abs(np.corrcoef(one.astype(float), other.astype(float))[0, 1]) < 0.25


def test_pairs_of_one_score_come_in_the_order_of_their_draws():
    order = order_by(np.array([0.2, 0.3, 0.3], np.float32), np.array([1 << 32, 9 << 32, 4 << 32], np.uint64))
    assert np.argsort(order).tolist() == [2, 1, 0]
