import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.dedup import MEMBER, lowest_of, members_of_links, merge_members

EDGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=60)


def oracle(edges):
    """{row: the lowest that it hangs together with}, by joining sets."""
    sets = {row: {row} for edge in edges for row in edge}
    for first, second in edges:
        joined = sets[first] | sets[second]
        for row in joined:
            sets[row] = joined
    return {row: min(together) for row, together in sets.items()}


def as_members(edges):
    return np.array(edges, MEMBER)


@given(EDGES, st.integers(0, 60))
def test_members_are_the_components_however_they_are_merged(edges, cut):
    members = merge_members([merge_members([as_members(edges[:cut])]), as_members(edges[cut:])])
    assert members.tolist() == merge_members([as_members(edges)]).tolist()
    assert dict(members.tolist()) == {row: lowest for row, lowest in oracle(edges).items() if row != lowest}


@pytest.mark.parametrize("order", [1, -1])
def test_a_long_chain_is_one_component(order):
    rows = np.arange(5000)[::order]
    members = merge_members([as_members(list(zip(rows[1:], rows[:-1], strict=True)))])
    assert set(members["lowest"]) == {0}
    assert len(members) == 4999


def test_of_links_the_first_half_of_the_uids_counts():
    links = np.zeros(1, np.dtype([("uid", "V16"), ("survivor", "V16")]))
    links["uid"], links["survivor"] = np.void(bytes(7) + b"\5" + bytes(8)), np.void(bytes(7) + b"\3" + b"x" * 8)
    members = members_of_links(links)
    assert members.tolist() == [(5, 3)]
    assert lowest_of(members, np.array([5, 3, 9], np.uint64)).tolist() == [3, 3, 9]
    assert lowest_of(members[:0], np.array([7], np.uint64)).tolist() == [7]
