from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters.counting import MEMBERSHIP, keys_with_more_than, lowest_members, memberships

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=60)


def made(pairs):
    def as_digests(numbers):
        return np.array([number.to_bytes(16, "big") for number in numbers], dtype="V16").reshape(len(pairs))

    return memberships(as_digests([key for key, _ in pairs]), as_digests([member for _, member in pairs]))


def number(digest):
    return int.from_bytes(digest.tobytes(), "big")


@given(PAIRS, st.integers(1, 6), st.integers(0, 60))
@settings(deadline=None, max_examples=60)
def test_keeps_the_lowest_different_members_however_it_is_split(pairs, most, cut):
    members = defaultdict(set)
    for key, member in pairs:
        members[key].add(member)
    expected = [(key, member) for key in sorted(members) for member in sorted(members[key])[:most]]
    merged = lowest_members([lowest_members([made(pairs[:cut])], most), made(pairs[cut:])], most)
    assert [(number(row["key"]), number(row["member"])) for row in merged] == expected


@given(PAIRS, st.integers(1, 6))
@settings(deadline=None, max_examples=60)
def test_keys_beyond_the_maximum(pairs, maximum):
    expected = sorted(key for key in {key for key, _ in pairs} if len({m for k, m in pairs if k == key}) > maximum)
    found = keys_with_more_than(lowest_members([made(pairs)], maximum + 1), maximum)
    assert [number(key) for key in found] == expected


def test_a_million_rows_of_one_key_stay_a_few():
    one = np.zeros(100_000, dtype=MEMBERSHIP)
    one["member"] = np.frombuffer(np.random.default_rng(0).bytes(1_600_000), dtype="V16")
    assert len(lowest_members([one] * 10, 11)) == 11
