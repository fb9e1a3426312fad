"""AV1: how many frames of which size a decoder would have to decode, from the headers of its OBUs alone.

Source: AV1 Bitstream & Decoding Process Specification (2019), sections 5.3, 5.5 and 5.9.
"""

from __future__ import annotations

from collections.abc import Iterator

from babelsift.filters.image.container.image_file import MAX_PARTS, broken

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6


def frame_pixels(stream: bytes) -> int:
    """Returns the pixels of all frames of a stream, each taken to be as large as its sequence header allows.

    Raises:
        ImageFailureError: more than 10 000 OBUs.
    """
    largest, frames = 0, 0
    for kind, start, end in _obus(stream):
        if kind == _SEQUENCE_HEADER:
            largest = max(largest, _largest_frame(stream[start : min(end, start + 1024)]))
        frames += kind in (_FRAME_HEADER, _FRAME)
    return frames * largest


def _obus(stream: bytes) -> Iterator[tuple[int, int, int]]:
    position = 0
    for _ in range(MAX_PARTS):
        if position >= len(stream):
            return
        head = stream[position]
        position += 2 if head & 0x04 else 1
        size = len(stream) - position
        if head & 0x02:
            size, position = _leb128(stream, position)
        yield head >> 3 & 15, position, position + size
        position += max(size, 0)
    raise broken(f"avif of more than {MAX_PARTS} parts")


def _leb128(stream: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        byte = stream[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            return value, position + index + 1
    return value, position + 8


class _Bits:
    """Reads numbers off the front of bytes; behind their end there are zeros."""

    def __init__(self, content: bytes) -> None:
        self._value, self._left = int.from_bytes(content, "big"), 8 * len(content)

    def take(self, bits: int) -> int:
        self._left -= bits
        shifted = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return shifted & ((1 << bits) - 1)

    def take_uvlc(self) -> int:
        zeros = 0
        while zeros < 32 and not self.take(1):
            zeros += 1
        return self.take(zeros) + (1 << zeros) - 1 if zeros < 32 else 2**32 - 1


def _largest_frame(header: bytes) -> int:
    """The pixels of the largest frame that a sequence header allows."""
    bits = _Bits(header)
    bits.take(4)  # profile, whether a still picture
    if bits.take(1):  # a reduced header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return (bits.take(width_bits) + 1) * (bits.take(height_bits) + 1)


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            bits.take_uvlc()
        if bits.take(1):  # a decoder model
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_display_delay and bits.take(1):
            bits.take(4)
