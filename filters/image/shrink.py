"""Shrinking by area, from an image or from one that was decoded at a half, a quarter or an eighth of its scale.

libjpeg can leave the finer frequencies out while it decodes, which costs a fraction of decoding them. What it gives are
means of 2x2, 4x4 or 8x8 pixels, nearly; what is wanted is the mean over each target pixel's area of the full image,
whose edges lie within such cells. Splitting the cells at these edges in proportion, as OpenCV's `INTER_AREA` would,
loses 2 dB against reading the sums up to an edge off a cubic through the sums up to the cells' own edges.

Each axis is one multiplication by a band of weights, in blocks small enough for the cache: along the rows by weights
that leave the channels apart, three quarters of them zeros. OpenCV's own loop is a scalar one and takes twice as long.

All of it is in whole numbers that floats hold exactly, so that the pixels are the same on every machine, whatever way
its linear algebra takes.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from filters.image.scratch import Scratch

# So many target pixels are multiplied at once, by as much across them as makes so many multiplications: what is read
# for them stays in the cache, and OpenBLAS, which takes threads of its own for larger products, does not.
_ROWS_AT_ONCE, _COLUMNS_AT_ONCE, _CELLS_AT_ONCE = 8, 4, 28
_BLOCK_PRODUCTS = 900_000
_SIZES_REMEMBERED = 128
_DETAIL_ROWS = 16

# Weights are multiples of 2**-12; what is between the two axes is kept in eighths of a grey level. A sum of 255 levels
# times 8 times 2**12 is below 2**23, and the cubic overshoots by less than a half.
_WEIGHT_ONE, _LEVEL_PARTS = 1 << 12, 1 << 3

_Blocks = tuple[tuple[int, np.ndarray], ...]

_scratch = Scratch()


def shrink_by_area(cells: np.ndarray, size: tuple[int, int], *, full_size: tuple[int, int], scale: int) -> np.ndarray:
    """Returns the image brought to `size` (width, height), as if the full image had been.

    Args: cells: uint8[ceil(height / scale), ceil(width / scale), 3], means of scale x scale pixels; the last ones may
        be means of what lies over the edge. size: at most a pixel a cell. full_size: (width, height) that the cells
        stand for.
    """
    (width, height), (full_width, full_height) = size, full_size
    rows, across, channels = cells.shape
    fewer_rows = _scratch.array("rows", np.float32, height, across * channels)
    _shrink_rows(cells.reshape(rows, across * channels), _row_weights(height, full_height, scale), fewer_rows)
    np.rint(fewer_rows, out=fewer_rows)
    shrunk = _scratch.array("shrunk", np.float32, height, width * channels)
    _shrink_along_rows(fewer_rows, _column_weights(width, full_width, scale, channels), shrunk)
    if scale > 1:
        np.maximum(shrunk, 0, out=shrunk)  # what the cubic undershoots
    return cv2.convertScaleAbs(shrunk.reshape(height, width, channels), alpha=1 / (_LEVEL_PARTS * _WEIGHT_ONE))


def fine_detail(cells: np.ndarray) -> float:
    """Returns how much an image changes from one cell to the next and back: its second differences' mean square.

    Looked at is one row in 16, and one column beside its row. What lies within cells cannot be known from their means,
    and where there is much between them there is much within.
    """
    some = cells[: len(cells) // _DETAIL_ROWS * _DETAIL_ROWS]
    above, here, below = (some[offset::_DETAIL_ROWS].astype(np.int16) for offset in range(3))
    along = here[:, 2:] - 2 * here[:, 1:-1] + here[:, :-2]
    across = above - 2 * here + below
    return sum(cv2.norm(one, cv2.NORM_L2SQR) / max(1, one.size) for one in (along, across))


def _shrink_rows(image: np.ndarray, blocks: _Blocks, shrunk: np.ndarray) -> None:
    row = 0
    for start, block in blocks:
        targets, cells = block.shape
        columns = max(1, _BLOCK_PRODUCTS // block.size)
        for left in range(0, image.shape[1], columns):
            some = image[start : start + cells, left : left + columns]
            floats = _scratch.array("some", np.float32, *some.shape)
            np.copyto(floats, some)
            np.matmul(block, floats, out=shrunk[row : row + targets, left : left + columns])
        row += targets


def _shrink_along_rows(image: np.ndarray, blocks: _Blocks, shrunk: np.ndarray) -> None:
    column = 0
    for start, block in blocks:
        values, targets = block.shape
        rows = max(1, _BLOCK_PRODUCTS // block.size)
        for top in range(0, len(image), rows):
            some = image[top : top + rows, start : start + values]
            np.matmul(some, block, out=shrunk[top : top + rows, column : column + targets])
        column += targets


@lru_cache(_SIZES_REMEMBERED)
def _row_weights(targets: int, pixels: int, scale: int) -> _Blocks:
    """For blocks of target rows: (the first row of cells, float32[targets, cells], that give eighths of a level)."""
    at_once = max(1, min(_ROWS_AT_ONCE, _CELLS_AT_ONCE * targets * scale // pixels))
    starts, blocks = _weights(targets, pixels, scale, at_once)
    blocks = (blocks * (_LEVEL_PARTS / _WEIGHT_ONE)).astype(np.float32)
    sizes = targets - np.arange(0, targets, at_once)
    return tuple((start, block[:size]) for start, block, size in zip(starts, blocks, sizes.tolist(), strict=True))


@lru_cache(_SIZES_REMEMBERED)
def _column_weights(targets: int, pixels: int, scale: int, channels: int) -> _Blocks:
    """For blocks of target columns: (the first value, float32[values, values of the targets]).

    A pixel's and a cell's values, one for each channel, lie beside each other, and do not mix.
    """
    starts, blocks = _weights(targets, pixels, scale, _COLUMNS_AT_ONCE)
    count, columns, cells = blocks.shape
    apart = np.zeros((count, cells, channels, columns, channels), np.float32)
    for channel in range(channels):
        apart[:, :, channel, :, channel] = blocks.transpose(0, 2, 1)
    apart = apart.reshape(count, cells * channels, columns * channels)
    last = (targets - 1) % columns + 1
    ends = (count - 1) * [columns * channels] + [last * channels]
    return tuple(
        (start * channels, np.ascontiguousarray(block[:, :end]))
        for start, block, end in zip(starts, apart, ends, strict=True)
    )


def _weights(targets: int, pixels: int, scale: int, at_once: int) -> tuple[list[int], np.ndarray]:
    """For blocks of so many target pixels along one axis: (their first cells, float64[blocks, at_once, cells]).

    Weights are whole numbers of 2**-12, and those of a target pixel sum up to one.
    """
    cells, cells_a_target = -(-pixels // scale), pixels / targets / scale
    firsts = np.arange(0, targets, at_once)
    edges = np.minimum(firsts[:, None] + np.arange(at_once + 1), targets) * cells_a_target
    whole = np.minimum(edges.astype(int), cells - 1)
    around = 1 if scale > 1 else 0
    widest = min(int((whole[:, -1] - whole[:, 0]).max()) + 1 + 2 * around, cells)
    starts = np.clip(whole[:, 0] - around, 0, cells - widest)
    sums = (starts[:, None, None] + np.arange(widest) < whole[:, :, None]).astype(np.float64)
    block, edge = np.indices(whole.shape)
    parts = _weights_around(edges - whole) if around else (edges - whole,)
    for offset, part in enumerate(parts, start=-around):
        # what would lie over the edge of the image is taken to be as its last cell
        sums[block, edge, np.clip(whole + offset, 0, cells - 1) - starts[:, None]] += part
    upto = np.rint(np.cumsum(np.diff(sums, axis=1), axis=2) * (_WEIGHT_ONE / cells_a_target))
    return starts.tolist(), np.diff(upto, axis=2, prepend=0)


def _weights_around(part: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What of the cells before, at and after an edge belongs to the sum up to it, where it has `part` of the second.

    Of Lagrange's cubic through the sums up to the four edges of these cells.
    """
    before = part * (part - 1) * (part - 2) / 6
    after = (part + 1) * part * (part - 1) / 6
    return before, after - (part + 1) * part * (part - 2) / 2, after
