"""The uid of a pair, and the numbers that shuffling, sampling, partitions and deduplication go by.

Everything here depends on content and seed alone: not on arrival order, the process or Python's `hash`.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.bytes16 import from_halves
from babelsift.filters.mix64 import mix64
from babelsift.filters.strings import string_bytes

DIGEST_BYTES = 16
UID_DIGITS = 32

_NULL_LENGTH = (-1).to_bytes(8, "little", signed=True)
_NO_NIBBLE = 255
_NIBBLES = np.full(256, _NO_NIBBLE, dtype=np.uint8)
for _digit, _character in enumerate(b"0123456789abcdef"):
    _NIBBLES[_character] = _digit


def digests(*columns: pa.Array) -> np.ndarray:
    """Returns a digest of each row of one or more columns of strings or bytes.

    The bytes digested are, column by column, the value's length in bytes as a signed 64-bit little-endian integer
    followed by the value's bytes as they are (UTF-8 for strings); a null is the length -1 and nothing else. So nulls
    differ from empty values, and ("ab", "c") from ("a", "bc"). The digest is BLAKE2b with 16 bytes, no key, no salt.

    Args:
        columns: string[n] or binary[n] (any width of offsets), nullable.

    Returns:
        S16[n].

    Raises:
        ValueError: no column, or lengths that differ.
        TypeError: a column of another type.
    """
    if not columns:
        raise ValueError("digests needs at least one column")
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"columns differ in length: {[len(column) for column in columns]}")
    prefixed = [_prefixed(column) for column in columns]
    blake2b = hashlib.blake2b
    rows = prefixed[0] if len(prefixed) == 1 else map(b"".join, zip(*prefixed, strict=True))
    joined = b"".join([blake2b(row, digest_size=DIGEST_BYTES).digest() for row in rows])
    return np.frombuffer(joined, dtype=f"S{DIGEST_BYTES}")


def compute_uids(urls: pa.Array, captions: pa.Array) -> pa.StringArray:
    """Returns the uid of each pair: the digest of its URL and caption (see `digests`) as 32 lower-case hex digits.

    Bytes that are not UTF-8, lone surrogates among them, are digested as they are.

    Args:
        urls, captions: string[n], nullable.

    Returns:
        string[n], no nulls.
    """
    content = digests(urls, captions).tobytes().hex().encode()
    offsets = np.arange(len(urls) + 1, dtype=np.int32) * UID_DIGITS
    return pa.StringArray.from_buffers(len(urls), pa.py_buffer(offsets.tobytes()), pa.py_buffer(content))


def uid_bytes(uids: pa.Array) -> np.ndarray:
    """Returns the 16 bytes that each uid's 32 hex digits spell; they sort as the digits do.

    Args:
        uids: string[n] of 32 hex digits, no nulls.

    Returns:
        V16[n].

    Raises:
        ValueError: a uid is null or not 32 lower-case hex digits.
    """
    return from_halves(*_numbers(uids))


def order_keys(uids: pa.Array, seed: int) -> np.ndarray:
    """Returns numbers that put pairs in a random order fixed by the seed, and draw samples from them.

    Both halves of the uid are mixed in, so that uids that share a half get different numbers.

    Args:
        uids: string[n] of 32 hex digits, no nulls.
        seed: any integer; its lowest 64 bits count.

    Returns:
        uint64[n].

    Raises:
        ValueError: a uid is null or not 32 lower-case hex digits.
    """
    high, low = _numbers(uids)
    start = mix64(np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64))
    return mix64(mix64(high ^ start) ^ low)


def draws_for(uids: pa.Array, seed: int, purpose: str) -> np.ndarray:
    """Returns seeded draws that are independent of those for other purposes and of the shards' order.

    Args:
        uids: string[n] of 32 hex digits, no nulls.
        seed: any integer.
        purpose: any word.

    Returns:
        uint64[n].

    >>> draws_for(pa.array(["0" * 32]), seed=0, purpose="caps").tolist() == order_keys(pa.array(["0" * 32]), 0).tolist()
    False
    """
    stream = int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little")
    return order_keys(uids, (seed ^ stream) & 0xFFFFFFFFFFFFFFFF)


def partition_of(uids: pa.Array, partitions: int) -> np.ndarray:
    """Returns the partition of each pair: its uid's first 8 hex digits as a number, modulo `partitions`.

    Args:
        uids: string[n] of 32 hex digits, no nulls.
        partitions: >= 1.

    Returns:
        int64[n], 0 to partitions - 1.

    Raises:
        ValueError: partitions < 1, or a uid is null or not 32 lower-case hex digits.
    """
    if partitions < 1:
        raise ValueError(f"partitions must be 1 or more, got {partitions}")
    high, _ = _numbers(uids)
    return ((high >> np.uint64(32)) % np.uint64(partitions)).astype(np.int64)


def row_keys(source_files: pa.Array, source_rows: pa.Array) -> np.ndarray:
    """Returns a number for each input row: mix64(hash64(source_file) + source_row).

    Within one file no two rows share a key: adding and `mix64` are bijections. hash64 is the first 8 bytes,
    little-endian, of BLAKE2b (8 bytes) of the file's name in UTF-8.

    Args:
        source_files: string[n], no nulls.
        source_rows: int64[n], no nulls.

    Returns:
        uint64[n].

    Raises:
        ValueError: a null, or lengths that differ.
    """
    if len(source_files) != len(source_rows):
        raise ValueError(f"{len(source_files)} source files for {len(source_rows)} source rows")
    if source_files.null_count or source_rows.null_count:
        raise ValueError("source_file and source_row must not be null")
    encoded = source_files if pa.types.is_dictionary(source_files.type) else pc.dictionary_encode(source_files)
    names = _bytes_of(encoded.dictionary)
    hashes = np.array(
        [int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little") for name in names if name is not None],
        dtype=np.uint64,
    )
    rows = source_rows.to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64)
    return mix64(hashes[encoded.indices.to_numpy(zero_copy_only=False)] + rows) if len(rows) else rows


def _numbers(uids: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Returns (uint64[n], uint64[n]), the uids' first and last 16 hex digits as numbers."""
    if uids.null_count:
        raise ValueError(f"uids must not be null; {uids.null_count} of {len(uids)} are")
    content, offsets = string_bytes(uids.cast(pa.large_string()))
    nibbles = _NIBBLES[content]
    if (np.diff(offsets) != UID_DIGITS).any() or (nibbles == _NO_NIBBLE).any():
        wrong = next(uid for uid in uids.to_pylist() if len(uid) != UID_DIGITS or set(uid) - set("0123456789abcdef"))
        raise ValueError(f"a uid is {UID_DIGITS} lower-case hex digits, got {wrong!r}")
    pairs = nibbles.reshape(-1, 2)
    numbers = ((pairs[:, 0] << 4) | pairs[:, 1]).view(">u8").reshape(-1, 2).astype(np.uint64)
    return numbers[:, 0], numbers[:, 1]


def _prefixed(column: pa.Array) -> list[bytes]:
    return [
        _NULL_LENGTH if value is None else len(value).to_bytes(8, "little", signed=True) + value
        for value in _bytes_of(column)
    ]


def _bytes_of(column: pa.Array | pa.ChunkedArray) -> list[bytes | None]:
    """Returns the bytes of each value, None where it is null; strings are not decoded, so that broken ones pass."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _bytes_of(column.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return column.cast(pa.binary()).to_pylist()
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return column.cast(pa.binary_view()).to_pylist()
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return column.cast(pa.large_binary()).to_pylist()
    if pa.types.is_fixed_size_binary(kind) or pa.types.is_null(kind):
        return column.to_pylist()
    raise TypeError(f"only strings and bytes can be digested, got {kind}; cast the column first")
