import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters.uids import compute_uids, digests, order_keys, partition_of, row_keys

TEXTS = st.lists(st.tuples(st.one_of(st.none(), st.text()), st.one_of(st.none(), st.text())), max_size=6)


def digest_by_the_book(*values):
    content = b"".join(
        (-1).to_bytes(8, "little", signed=True)
        if value is None
        else len(value.encode()).to_bytes(8, "little") + value.encode()
        for value in values
    )
    return hashlib.blake2b(content, digest_size=16).digest()


def two_columns(rows):
    return pa.array([a for a, _ in rows], pa.string()), pa.array([b for _, b in rows], pa.string())


@given(TEXTS, st.integers(0, 6))
@settings(deadline=None)
def test_uids_and_digests_are_of_the_documented_bytes(rows, cut):
    urls, captions = two_columns(rows)
    expected = [digest_by_the_book(*row) for row in rows]
    assert [bytes(value).ljust(16, b"\0") for value in digests(urls, captions).tolist()] == expected
    uids = compute_uids(urls, captions)
    assert uids.type == pa.string()
    assert uids.to_pylist() == [digest.hex() for digest in expected]
    assert compute_uids(urls[cut:], captions[cut:].cast(pa.large_string())).to_pylist() == uids.to_pylist()[cut:]


def test_a_uid_never_changes():
    uid = compute_uids(pa.array(["http://example.com/a.jpg"]), pa.array(["ein Hund"]))[0].as_py()
    assert uid == "853f24b719abf41f6a309b31a73fc475"


def test_where_one_column_ends_matters_and_null_is_not_empty():
    pairs = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc"), ("abc", None), (None, "abc")]
    assert len(set(compute_uids(*two_columns(pairs)).to_pylist())) == len(pairs)


def test_lone_surrogates_are_digested_as_they_are():
    offsets = pa.array([0, 3], pa.int32()).buffers()[1]
    broken = pa.StringArray.from_buffers(1, offsets, pa.py_buffer(b"\xed\xa0\x80"))
    assert (
        compute_uids(broken, pa.array(["a"])).to_pylist()
        == compute_uids(pa.array([b"\xed\xa0\x80"]), pa.array(["a"])).to_pylist()
    )


def test_digests_take_any_strings_and_bytes_and_nothing_else():
    rows = ["犬", None, ""]
    expected = digests(pa.array(rows)).tolist()
    for column in (
        pa.array(rows, pa.large_string()),
        pa.array(rows).dictionary_encode(),
        pa.array(rows).cast(pa.binary()),
    ):
        assert digests(column).tolist() == expected
    with pytest.raises(TypeError, match="int64"):
        digests(pa.array([1]))
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        digests(pa.array(["a"]), pa.array(["a", "b"]))
    with pytest.raises(ValueError, match="at least one"):
        digests()
    assert digests(pa.array([], pa.string())).dtype == np.dtype("S16")


UIDS = st.lists(st.integers(0, 2**128 - 1).map(lambda n: f"{n:032x}"), max_size=20)


@given(UIDS, st.integers(1, 1000))
@settings(deadline=None)
def test_partitions_are_the_first_digits_modulo(uids, partitions):
    found = partition_of(pa.array(uids, pa.string()), partitions)
    assert found.dtype == np.int64
    assert found.tolist() == [int(uid[:8], 16) % partitions for uid in uids]


def mix(value):
    value = (value + 0x9E3779B97F4A7C15) % 2**64
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % 2**64
    return value ^ (value >> 31)


@given(UIDS, st.integers(-5, 2**70))
@settings(deadline=None)
def test_order_keys_mix_seed_and_both_halves(uids, seed):
    found = order_keys(pa.array(uids, pa.string()), seed)
    assert found.dtype == np.uint64
    start = mix(seed % 2**64)
    assert found.tolist() == [mix(mix(int(uid[:16], 16) ^ start) ^ int(uid[16:], 16)) for uid in uids]


def test_order_keys_are_spread_evenly_and_differ_by_seed():
    uids = pa.array([f"{n:032x}" for n in range(4000)])
    one, two = order_keys(uids, 0), order_keys(uids, 1)
    assert len(set(one.tolist())) == 4000
    counts = np.bincount((one >> np.uint64(60)).astype(int), minlength=16)
    assert counts.min() > 180
    assert counts.max() < 320
    assert abs(np.corrcoef(one.astype(float), two.astype(float))[0, 1]) < 0.06


@pytest.mark.parametrize("wrong", ["abc", "A" * 32, "g" * 32, "0" * 33])
def test_what_is_no_uid_is_refused(wrong):
    with pytest.raises(ValueError, match=wrong[:3]):
        order_keys(pa.array(["0" * 32, wrong]), 0)
    with pytest.raises(ValueError, match="null"):
        partition_of(pa.array([None], pa.string()), 3)
    with pytest.raises(ValueError, match="got 0"):
        partition_of(pa.array(["0" * 32]), 0)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "文"]), st.integers(0, 2**62)), max_size=20))
@settings(deadline=None)
def test_row_keys_are_the_documented_ones(rows):
    files, numbers = pa.array([f for f, _ in rows], pa.string()), pa.array([n for _, n in rows], pa.int64())
    found = row_keys(files, numbers)
    assert found.dtype == np.uint64
    hashes = [int.from_bytes(hashlib.blake2b(f.encode(), digest_size=8).digest(), "little") for f, _ in rows]
    assert found.tolist() == [mix((h + n) % 2**64) for h, (_, n) in zip(hashes, rows, strict=True)]


def test_row_keys_are_unique_in_a_file_and_need_every_value():
    assert len(set(row_keys(pa.array(["f"] * 5000), pa.array(range(5000))).tolist())) == 5000
    with pytest.raises(ValueError, match="null"):
        row_keys(pa.array(["a", None]), pa.array([1, 2]))
    with pytest.raises(ValueError, match="1 source files for 2"):
        row_keys(pa.array(["a"]), pa.array([1, 2]))
