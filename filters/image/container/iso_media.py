"""ISO base media files: boxes, and where a file's items and first samples lie.

Source: ISO/IEC 14496-12 (2022), sections 4.2, 8.7 and 8.11.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from babelsift.filters.image.container.image_file import MAX_PARTS, broken

_MAX_ITEMS = 4096  # a grid of tiles has tens, of the largest cameras hundreds


@dataclass(frozen=True)
class Item:
    """What a file's directory says of an item: its type, its media type if it has one, its pieces."""

    kind: bytes
    media_type: bytes
    extents: tuple[tuple[int, int], ...]

    def content(self, body: bytes) -> bytes:
        """Returns the item's bytes, as far as the file has them; pieces that overlap are not longer than the file."""
        parts, left = [], len(body)
        for start, end in self.extents:
            parts.append(body[start : min(end, start + left)])
            left -= len(parts[-1])
        return b"".join(parts)


def boxes(body: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yields (type, start of the content, end) of each box between two positions.

    Raises:
        ImageFailureError: more than 10 000 boxes.
    """
    for _ in range(MAX_PARTS):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", body, start)
        inner = start + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", body, inner)
            inner += 8
        after = end if size == 0 else min(start + size, end)
        if after < inner:
            return
        yield kind, inner, after
        start = after
    raise broken(f"avif of more than {MAX_PARTS} boxes")


def find_box(body: bytes, start: int, end: int, *path: bytes) -> tuple[int, int] | None:
    """Returns where the content of a box within boxes lies; None where there is none."""
    for wanted in path:
        inside = next(((inner, after) for kind, inner, after in boxes(body, start, end) if kind == wanted), None)
        if inside is None:
            return None
        start, end = inside
    return start, end


def items(body: bytes, start: int, end: int) -> list[Item]:
    """Returns the items of a `meta` box whose children lie between two positions.

    Raises:
        ImageFailureError: more than 4096 items or pieces of them.
    """
    kinds = _item_kinds(body, find_box(body, start, end, b"iinf"))
    data = find_box(body, start, end, b"idat")
    extents = _item_extents(body, find_box(body, start, end, b"iloc"), data)
    return [Item(*kinds[number], extents.get(number, ())) for number in kinds]


def first_samples(body: bytes, start: int, end: int) -> list[Item]:
    """Returns the first sample of each track of a `moov` box whose children lie between two positions."""
    samples = []
    for kind, inner, after in boxes(body, start, end):
        if kind != b"trak" or (table := find_box(body, inner, after, b"mdia", b"minf", b"stbl")) is None:
            continue
        sizes = find_box(body, *table, b"stsz")
        offsets, form = find_box(body, *table, b"stco"), ">I"
        if offsets is None:
            offsets, form = find_box(body, *table, b"co64"), ">Q"
        if sizes is None or offsets is None:
            continue
        size = max(struct.unpack_from(">I", body, sizes[0] + 4)[0], struct.unpack_from(">I", body, sizes[0] + 12)[0])
        (offset,) = struct.unpack_from(form, body, offsets[0] + 8)
        samples.append(Item(b"av01", b"", ((offset, offset + size),)))
    return samples


def _item_kinds(body: bytes, box: tuple[int, int] | None) -> dict[int, tuple[bytes, bytes]]:
    """{item: (type, media type)}"""
    kinds: dict[int, tuple[bytes, bytes]] = {}
    if box is None:
        return kinds
    start = box[0] + (6 if body[box[0]] == 0 else 8)
    for kind, inner, after in boxes(body, start, box[1]):
        if kind != b"infe" or body[inner] not in (2, 3):
            continue
        position = inner + 4
        (number,) = struct.unpack_from(">H" if body[inner] == 2 else ">I", body, position)
        position += (2 if body[inner] == 2 else 4) + 2
        names = body[position + 4 : min(after, position + 400)].split(b"\0", 2)
        kinds[number] = (body[position : position + 4], names[1] if len(names) > 1 else b"")
        if len(kinds) > _MAX_ITEMS:
            raise broken(f"avif of more than {_MAX_ITEMS} items")
    return kinds


def _item_extents(
    body: bytes, box: tuple[int, int] | None, data: tuple[int, int] | None
) -> dict[int, tuple[tuple[int, int], ...]]:
    """{item: where its pieces lie in the file}"""
    extents: dict[int, tuple[tuple[int, int], ...]] = {}
    if box is None:
        return extents
    fields = _Fields(body, *box)
    version = fields.take(1)
    fields.take(3)
    sizes, more_sizes = fields.take(1), fields.take(1)
    index_size = more_sizes & 15 if version else 0
    pieces = 0
    for _ in range(fields.take(4 if version == 2 else 2)):
        number = fields.take(4 if version == 2 else 2)
        is_in_box = version > 0 and fields.take(2) & 15 == 1
        fields.take(2)
        base = fields.take(more_sizes >> 4)
        if is_in_box and data is not None:
            base += data[0]
        of_item = []
        for _ in range(fields.take(2)):
            fields.take(index_size)
            start, length = base + fields.take(sizes >> 4), fields.take(sizes & 15)
            of_item.append((start, start + length if length else len(body)))
            pieces += 1
            if pieces > _MAX_ITEMS:
                raise broken(f"avif of more than {_MAX_ITEMS} pieces")
        extents[number] = tuple(of_item)
    return extents


class _Fields:
    """Reads numbers one after the other, within a box."""

    def __init__(self, body: bytes, start: int, end: int) -> None:
        self._body, self._position, self._end = body, start, end

    def take(self, size: int) -> int:
        start = self._position
        self._position += size
        if self._position > self._end:
            raise IndexError("a box is cut short")
        return int.from_bytes(self._body[start : self._position], "big")
