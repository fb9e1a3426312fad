"""Captions as one flat array of code points, so that per-character rules are a few numpy passes over a batch."""

from __future__ import annotations

import unicodedata
import weakref
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LETTER, MARK, DIGIT, SYMBOL, SPACE, UPPER, LOWER, INVISIBLE = (1 << bit for bit in range(8))

_CODE_POINTS = 0x110000
_NAMED_PLANES_END = 0x20000
# Planes 2 and 3 hold ideographs only; asking unicodedata for each would make the first batch wait.
_IDEOGRAPH_PLANES_END = 0x40000
_VARIATION_SELECTORS = ((0xFE00, 0xFE10), (0xE0100, 0xE01F0))
_TAGS = (0xE0000, 0xE0080)


@dataclass(frozen=True)
class CodePoints:
    """The code points of n strings, in the order of the strings.

    Attributes:
        values: uint32[m]. starts: int64[n + 1], where each row starts in `values`.
        valid: bool[n], False where the row is null; such a row has no code points.
    """

    values: np.ndarray
    starts: np.ndarray
    valid: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def flags(self) -> np.ndarray:
        """uint8[m], the flags (LETTER, MARK ...) of each code point."""
        return flags_table()[self.values]

    @cached_property
    def visible_lengths(self) -> np.ndarray:
        """int64[n], code points a row that are neither spaces nor invisible."""
        return self.count(~self.has(SPACE | INVISIBLE))

    @cached_property
    def digits(self) -> np.ndarray:
        """int64[n], decimal digits a row, of any script."""
        return self.count(self.has(DIGIT))

    @cached_property
    def lengths(self) -> np.ndarray:
        """int64[n], code points a row."""
        return np.diff(self.starts)

    @cached_property
    def rows(self) -> np.ndarray:
        """int64[m], the row each code point is in."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def count(self, mask: np.ndarray) -> np.ndarray:
        """Returns int64[n], how many of each row's code points the mask bool[m] marks."""
        return np.diff(np.searchsorted(np.flatnonzero(mask), self.starts))

    def among(self, characters: str) -> np.ndarray:
        """Returns bool[m], the code points that are among the characters."""
        table = np.zeros(max(map(ord, characters)) + 2, dtype=bool)
        table[[ord(character) for character in characters]] = True
        return table[np.minimum(self.values, len(table) - 1)]

    def has(self, flags: int) -> np.ndarray:
        """Returns bool[m], the code points that have any of the flags."""
        return (self.flags & np.uint8(flags)) != 0

    def before(self, mask: np.ndarray) -> np.ndarray:
        """Returns bool[m], the code points whose next neighbour in the same row is marked by the mask bool[m]."""
        is_before = np.zeros(len(mask), dtype=bool)
        is_before[:-1] = mask[1:]
        is_before[self.starts[1:][self.lengths > 0] - 1] = False
        return is_before

    def after(self, mask: np.ndarray) -> np.ndarray:
        """Returns bool[m], the code points whose previous neighbour in the same row is marked by the mask bool[m]."""
        is_after = np.zeros(len(mask), dtype=bool)
        is_after[1:] = mask[:-1]
        is_after[self.starts[:-1][self.lengths > 0]] = False
        return is_after

    def select(self, mask: np.ndarray) -> CodePoints:
        """Returns the rows with only the code points that the mask bool[m] marks."""
        starts = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(self.count(mask), out=starts[1:])
        return CodePoints(self.values[mask], starts, self.valid)

    def take(self, rows: np.ndarray) -> CodePoints:
        """Returns the rows at int64[k], ascending."""
        taken = np.zeros(len(self), dtype=bool)
        taken[rows] = True
        starts = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(self.lengths[rows], out=starts[1:])
        return CodePoints(self.values[np.repeat(taken, self.lengths)], starts, self.valid[rows])

    def with_rows(self, rows: np.ndarray, replacements: CodePoints) -> CodePoints:
        """Returns the rows with those at int64[k], ascending, replaced by k other rows."""
        lengths, replaced = self.lengths.copy(), np.zeros(len(self), dtype=bool)
        lengths[rows], replaced[rows] = replacements.lengths, True
        starts = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(lengths, out=starts[1:])
        taken = np.repeat(replaced, lengths)
        values = np.empty(starts[-1], dtype=np.uint32)
        values[~taken], values[taken] = self.values[~replaced[self.rows]], replacements.values
        return CodePoints(values, starts, self.valid)

    def to_strings(self) -> pa.LargeStringArray:
        """Returns large_string[n]; null where the row is null."""
        values = self.values
        sizes = 1 + (values >= 0x80).astype(np.int64) + (values >= 0x800) + (values >= 0x10000)
        offsets = np.zeros(len(values) + 1, dtype=np.int64)
        np.cumsum(sizes, out=offsets[1:])
        content = values.astype("<u4", copy=False).tobytes().decode("utf-32-le").encode()
        buffers = [pa.py_buffer(offsets[self.starts].tobytes()), pa.py_buffer(content)]
        strings = pa.LargeStringArray.from_buffers(len(self), *buffers)
        return strings if self.valid.all() else pc.if_else(pa.array(self.valid), strings, None)


# The rules on one batch share its code points; an entry is dropped when its array is.
_CLEANED: dict[int, tuple[weakref.ref, pa.LargeStringArray]] = {}
_RECENT: dict[int, tuple[weakref.ref, CodePoints]] = {}


def clean_strings(array: pa.Array | pa.ChunkedArray) -> pa.LargeStringArray:
    """Returns the strings as large_string[n] with valid UTF-8 throughout; broken sequences become U+FFFD.

    Args:
        array: string[n] or large_string[n], nullable.

    Raises:
        TypeError: the array does not hold strings.

    >>> clean_strings(pa.array(["café", None])).to_pylist()
    ['café', None]
    """
    recent = _CLEANED.get(id(array))
    if recent is not None and recent[0]() is array:
        return recent[1]
    cleaned = _clean(array)
    if cleaned is not array:
        key = id(array)
        _CLEANED[key] = (weakref.ref(array, lambda _: _CLEANED.pop(key, None)), cleaned)
    return cleaned


def _clean(array: pa.Array | pa.ChunkedArray) -> pa.LargeStringArray:
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    if not (_is_string(array.type) or pa.types.is_null(array.type)):
        raise TypeError(f"expected an Arrow array of strings, got {array.type}; cast it first")
    strings = array.cast(pa.large_string())
    if strings.null_count:
        # The bytes under a null slot are unspecified; rewriting gives it none.
        strings = pc.if_else(strings.is_valid(), strings, pa.scalar(None, pa.large_string()))
    return strings if _is_utf8(strings) else _repaired(strings)


def flatten(array: pa.Array | pa.ChunkedArray) -> CodePoints:
    """Returns the code points of an Arrow array of strings (string or large_string, nullable).

    Args:
        array: string[n] or large_string[n], nullable.

    >>> points = flatten(pa.array(["né", None, "x1"]))
    >>> points.lengths.tolist(), points.digits.tolist()
    ([2, 0, 2], [0, 0, 1])
    """
    recent = _RECENT.get(id(array))
    if recent is not None and recent[0]() is array:
        return recent[1]
    points = _flatten(clean_strings(array))
    key = id(array)
    _RECENT[key] = (weakref.ref(array, lambda _: _RECENT.pop(key, None)), points)
    return points


def _flatten(strings: pa.LargeStringArray) -> CodePoints:
    valid = np.ones(len(strings), dtype=bool)
    if strings.null_count:
        valid = strings.is_valid().to_numpy(zero_copy_only=False)
        strings = pc.fill_null(strings, "")
    content, offsets = string_bytes(strings)
    values = np.frombuffer(content.tobytes().decode().encode("utf-32-le"), dtype="<u4")
    if len(values) == len(content):
        return CodePoints(values, offsets, valid)
    leads = np.zeros(len(content) + 1, dtype=np.int64)
    np.cumsum((content & 0xC0) != 0x80, out=leads[1:])
    return CodePoints(values, leads[offsets], valid)


def string_bytes(strings: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Returns (uint8[m] bytes, int64[n + 1] offsets) of a large_string or large_binary array without copying them.

    Args:
        strings: large_string[n] or large_binary[n].

    >>> content, offsets = string_bytes(pa.array(["né", "x"], pa.large_string()))
    >>> content.tobytes().decode(), offsets.tolist()
    ('néx', [0, 3, 4])
    """
    _, offset_buffer, content_buffer = strings.buffers()
    if offset_buffer is None or len(strings) == 0:
        return np.zeros(0, dtype=np.uint8), np.zeros(len(strings) + 1, dtype=np.int64)
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[strings.offset : strings.offset + len(strings) + 1]
    content = np.frombuffer(content_buffer, dtype=np.uint8) if content_buffer is not None else np.zeros(0, np.uint8)
    return content[offsets[0] : offsets[-1]], offsets - offsets[0]


@cache
def flags_table() -> np.ndarray:
    """Returns uint8[0x110000], the flags of every code point.

    LETTER is L*, MARK M*, DIGIT Nd, SYMBOL P* and S*, UPPER Lu and Lt, LOWER Ll; SPACE the characters that `str.split`
    splits at; INVISIBLE controls, format characters, variation selectors and tags.
    """
    table = np.zeros(_CODE_POINTS, dtype=np.uint8)
    by_category = {category: _category_flags(category) for category in _CATEGORIES}
    table[:_NAMED_PLANES_END] = [by_category[unicodedata.category(chr(cp))] for cp in range(_NAMED_PLANES_END)]
    table[_NAMED_PLANES_END:_IDEOGRAPH_PLANES_END] = LETTER
    for start, end in (*_VARIATION_SELECTORS, _TAGS):
        table[start:end] = INVISIBLE
    for code_point in range(0x3001):
        if chr(code_point).isspace():
            table[code_point] = SPACE
    return table


@cache
def lower_table() -> np.ndarray:
    """Returns uint32[0x110000], every code point in lower case as Arrow maps it, so that tokens agree."""
    code_points = np.r_[0:0xD800, 0xE000:_CODE_POINTS].astype(np.uint32)
    everything = CodePoints(code_points, np.array([0, len(code_points)]), np.array([True]))
    table = np.arange(_CODE_POINTS, dtype=np.uint32)
    table[code_points] = _flatten(pc.utf8_lower(everything.to_strings())).values
    return table


_CATEGORIES = (
    "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn".split()  # noqa: SIM905
)


def _category_flags(category: str) -> int:
    major = {"L": LETTER, "M": MARK, "P": SYMBOL, "S": SYMBOL}
    minor = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Nd": DIGIT, "Cc": INVISIBLE, "Cf": INVISIBLE}
    return major.get(category[0], 0) | minor.get(category, 0)


def keep_mask(condition: np.ndarray, points: CodePoints) -> pa.BooleanArray:
    """Returns a condition bool[n] as a filter's mask: False where the row is null.

    Args:
        condition: bool[n].
        points: of the n rows.
    """
    return pa.array(np.asarray(condition, dtype=bool) & points.valid)


def measure_array(values: np.ndarray, points: CodePoints) -> pa.Array:
    """Returns values [n] as a measure's array: null where the row is null.

    Args:
        values: of numbers [n].
        points: of the n rows.
    """
    return pa.array(values, mask=None if points.valid.all() else ~points.valid)


def _is_string(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_utf8(strings: pa.LargeStringArray) -> bool:
    content, offsets = string_bytes(strings)
    # A sequence split over two rows would pass when all rows are read together.
    first_bytes = content[offsets[:-1][np.diff(offsets) > 0]]
    if ((first_bytes & 0xC0) == 0x80).any():
        return False
    try:
        content.tobytes().decode()
    except UnicodeDecodeError:
        return False
    return True


def _repaired(strings: pa.LargeStringArray) -> pa.LargeStringArray:
    rows = strings.cast(pa.large_binary()).to_pylist()
    return pa.array([None if row is None else row.decode(errors="replace") for row in rows], pa.large_string())
