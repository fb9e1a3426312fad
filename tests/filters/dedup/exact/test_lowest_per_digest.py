import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.dedup import KeptRows, digest_records, duplicate_of, duplicated, lowest_per_digest

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
def test_of_each_digest_the_lowest_uid_is_kept_and_the_others_are_its_duplicates(rows):
    rows = list(dict.fromkeys(rows))
    digests, uids, keys = made(rows)
    records = duplicated(lowest_per_digest([digest_records(digests, uids, keys)]))
    duplicate = duplicate_of(records, digests, keys)
    for row, (digest, _, key) in enumerate(rows):
        lowest = min((uid % 2, uid, other) for same, uid, other in rows if same == digest)
        if lowest[2] == key:
            assert duplicate[row] == -1
        else:
            assert records["uid"][duplicate[row]] == values([lowest[1]])[0]


@given(ROWS)
def test_where_row_keys_are_ranks_uids_tell_rows_apart(rows):
    ranked = list(dict.fromkeys((digest, uid, key % 2) for digest, uid, key in rows))
    digests, uids, ranks = made(ranked)
    records = lowest_per_digest([digest_records(digests, uids, ranks)], ranked=True)
    is_kept = KeptRows(records).duplicate_of(digests, ranks, uids) < 0
    kept = {row[0]: row for row, kept in zip(ranked, is_kept, strict=True) if kept}
    assert len(kept) == is_kept.sum()
    assert kept == {d: min((r for r in ranked if r[0] == d), key=lambda r: (r[2], r[1] % 2, r[1])) for d in kept}
    assert set(kept) == {digest for digest, _, _ in ranked}


def test_without_records_every_row_is_kept():
    digests, _, keys = made([(1, 1, 1)])
    assert duplicate_of(lowest_per_digest([]), digests, keys).tolist() == [-1]
