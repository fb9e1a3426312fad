import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.dedup import digest_records, duplicate_of, duplicated, lowest_per_digest

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**64 - 1)), max_size=40)


def values(numbers):
    """16-byte values that share their high half where the numbers are even or odd alike."""
    return np.array([[number % 2, number] for number in numbers], dtype=">u8").reshape(-1, 2).view("V16").ravel()


def made(rows):
    digests, uids, keys = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    return values(digests), values(uids), np.array(keys, dtype=np.uint64)


@given(ROWS, st.integers(0, 40))
def test_merging_in_parts_gives_what_merging_at_once_does(rows, cut):
    whole = digest_records(*made(rows))
    in_parts = lowest_per_digest([lowest_per_digest([whole[:cut]]), lowest_per_digest([whole[cut:]])])
    assert in_parts.tobytes() == lowest_per_digest([whole]).tobytes()


@given(ROWS)
def test_all_but_the_lowest_uid_of_each_digest_lose_to_it(rows):
    rows = list(dict.fromkeys(rows))
    digests, uids, keys = made(rows)
    first = lowest_per_digest([digest_records(digests, uids, keys)])
    loses = duplicate_of(duplicated(first), digests, keys)
    for row, (digest, _, key) in enumerate(rows):
        rivals = [(uid % 2, uid, other) for same, uid, other in rows if same == digest]
        winner = min(rivals)
        if winner[2] == key:
            assert loses[row] == -1
        else:
            assert duplicated(first)["uid"][loses[row]] == values([winner[1]])[0]


def test_without_records_every_row_is_kept():
    digests, _, keys = made([(1, 1, 1)])
    assert duplicate_of(lowest_per_digest([]), digests, keys).tolist() == [-1]
