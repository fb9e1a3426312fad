import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.dedup import digest_records, pack_digest_records, unpack_digest_records

ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**64 - 1), st.integers(1, 2)), max_size=9
)


def made(rows):
    digests, uids, keys, counts = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [])
    values = [np.array([[0, number] for number in numbers], ">u8").reshape(-1, 2).view("V16").ravel() for numbers in (digests, uids)]  # fmt: skip
    one = digest_records(*values, np.array(keys, dtype=np.uint64))
    one["rows"] = counts
    return one


@given(ROWS, st.booleans(), st.booleans())
def test_what_is_packed_comes_out_again(rows, uid_is_digest, one_row_each):
    rows = [(d, d if uid_is_digest else u, key, 1 if one_row_each else n) for d, u, key, n in rows]
    assert unpack_digest_records(pack_digest_records(made(rows))).tobytes() == made(rows).tobytes()


def test_what_says_nothing_takes_no_room():
    assert len(pack_digest_records(made([(7, 7, 1, 1), (8, 8, 2, 1)]))) == 1 + 2 * 24
    assert len(pack_digest_records(made([(7, 7, 1, 2), (8, 9, 2, 1)]))) == 1 + 2 * 48
    assert pack_digest_records(made([])) == b""


def test_bytes_that_are_no_records_are_an_error():
    with pytest.raises(ValueError, match="30 bytes are no packed digest records"):
        unpack_digest_records(bytes(30))
