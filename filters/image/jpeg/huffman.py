"""Huffman tables of JPEGs as arrays that loops look codes up in."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from babelsift.filters.image.jpeg.structure import NotFollowedError

LOOKUP_BITS = 10
_REMEMBERED = 64  # most encoders use the four tables of the standard


class HuffmanTable:
    """A table, ready to be looked up in.

    Attributes:
        short: int16[1024], by the next 10 bits: length * 256 + symbol of the code that they begin with; 0 where it is
            longer or there is none.
        longest: int32[18], by length: the last code of that length, -1 where there is none.
        offsets: int32[18], by length: what to add to a code for its place among the symbols.
        symbols: int32[256].
    """

    def __init__(self, content: bytes) -> None:
        self.short = np.zeros(1 << LOOKUP_BITS, np.int16)
        self.longest, self.offsets = np.full(18, -1, np.int32), np.zeros(18, np.int32)
        self.symbols = np.zeros(256, np.int32)
        symbols = content[16:]
        self.symbols[: len(symbols)] = np.frombuffer(symbols, np.uint8)
        code = place = 0
        for length, count in enumerate(content[:16], start=1):
            self.offsets[length] = place - code
            for symbol in symbols[place : place + count]:
                if length <= LOOKUP_BITS:
                    width = 1 << (LOOKUP_BITS - length)
                    self.short[code * width : (code + 1) * width] = length << 8 | symbol
                code += 1
            place += count
            if code > 1 << length:
                raise NotFollowedError  # more codes than there are; no decoder takes such a table
            if count:
                self.longest[length] = code - 1
            code <<= 1


@lru_cache(_REMEMBERED)
def _huffman_table(content: bytes) -> HuffmanTable:
    return HuffmanTable(content)


@lru_cache(_REMEMBERED)
def stacked_tables(contents: tuple[bytes, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns `short`, `longest`, `offsets` and `symbols` of several tables, each stacked.

    Args:
        contents: of each table what a DHT segment has of it: 16 counts of codes by length, then the symbols.

    Raises:
        NotFollowedError: one of them is no table.
    """
    tables = [_huffman_table(content) for content in contents]
    return (
        np.stack([table.short for table in tables]),
        np.stack([table.longest for table in tables]),
        np.stack([table.offsets for table in tables]),
        np.stack([table.symbols for table in tables]),
    )
