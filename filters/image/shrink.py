"""Shrinking by area from an image that was decoded at a half, a quarter or an eighth of its scale.

libjpeg can leave the finer frequencies out while it decodes, which costs a fraction of decoding them. What it gives are
means of 2x2, 4x4 or 8x8 pixels, nearly; what is wanted is the mean over each target pixel's area of the full image,
whose edges lie within such cells. Splitting the cells at these edges in proportion, as OpenCV's `INTER_AREA` would,
loses 2 dB against reading the sums up to an edge off a cubic through the sums up to the cells' own edges.

Each axis is one multiplication by a band of weights, in blocks small enough for the cache. OpenCV's loop along the rows
is a scalar one and takes three times as long.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from filters.image.scratch import Scratch

# So many target rows are multiplied at once, by as many columns as make so many multiplications: what is read for them
# stays in the cache, and OpenBLAS, which takes threads of its own for larger products, does not.
_BLOCK_ROWS = 8
_BLOCK_PRODUCTS = 900_000
_SIZES_REMEMBERED = 64

_Band = tuple[tuple[int, np.ndarray], ...]

_scratch = Scratch()


def shrink_by_area(cells: np.ndarray, size: tuple[int, int], *, full_size: tuple[int, int], scale: int) -> np.ndarray:
    """Returns the image brought to `size` (width, height), as if the full image had been.

    Args: cells: uint8[ceil(height / scale), ceil(width / scale), 3], means of scale x scale pixels; the last ones may
        be means of what lies over the edge. size: at most a pixel a cell. full_size: (width, height) that the cells
        stand for.
    """
    (width, height), (full_width, full_height) = size, full_size
    across = cells.shape[1]
    fewer_rows = _shrink_rows(cells, _band(height, full_height, scale), "rows")
    turned = cv2.transpose(fewer_rows, _scratch.array("turned", np.float32, across, height, 3))
    shrunk = _shrink_rows(turned, _band(width, full_width, scale), "shrunk")
    shrunk += 0.5
    return cv2.transpose(np.clip(shrunk, 0, 255, out=shrunk).astype(np.uint8))


def _shrink_rows(image: np.ndarray, band: _Band, name: str) -> np.ndarray:
    """Float32 in scratch memory, one row for each row of the weights."""
    rows, across, channels = image.shape
    flat = image.reshape(rows, across * channels)
    shrunk = _scratch.array(name, np.float32, sum(len(block) for _, block in band), across * channels)
    row = 0
    for start, block in band:
        targets, cells = block.shape
        columns = max(1, _BLOCK_PRODUCTS // block.size)
        for left in range(0, flat.shape[1], columns):
            some = flat[start : start + cells, left : left + columns]
            if some.dtype != np.float32:
                floats = _scratch.array("some", np.float32, *some.shape)
                np.copyto(floats, some)
                some = floats
            np.matmul(block, some, out=shrunk[row : row + targets, left : left + columns])
        row += targets
    return shrunk.reshape(row, across, channels)


@lru_cache(_SIZES_REMEMBERED)
def _band(targets: int, pixels: int, scale: int) -> _Band:
    """For blocks of target pixels along one axis: (the first cell, float32[targets of the block, cells])."""
    cells, cells_a_target = -(-pixels // scale), pixels / targets / scale
    firsts = np.arange(0, targets, _BLOCK_ROWS)
    edges = np.minimum(firsts[:, None] + np.arange(_BLOCK_ROWS + 1), targets) * cells_a_target
    whole = np.minimum(edges.astype(int), cells - 1)
    widest = min(int((whole[:, -1] - whole[:, 0]).max()) + 3, cells)
    starts = np.clip(whole[:, 0] - 1, 0, cells - widest)
    sums = (starts[:, None, None] + np.arange(widest) < whole[:, :, None]).astype(np.float64)
    block, edge = np.indices(whole.shape)
    for offset, weights in zip((-1, 0, 1), _weights_around(edges - whole), strict=True):
        # what would lie over the edge of the image is taken to be as its last cell
        sums[block, edge, np.clip(whole + offset, 0, cells - 1) - starts[:, None]] += weights
    blocks = (np.diff(sums, axis=1) / cells_a_target).astype(np.float32)
    return tuple(
        (int(start), rows[: targets - first]) for first, start, rows in zip(firsts, starts, blocks, strict=True)
    )


def _weights_around(part: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What of the cells before, at and after an edge belongs to the sum up to it, where it has `part` of the second.

    Of Lagrange's cubic through the sums up to the four edges of these cells.
    """
    before = part * (part - 1) * (part - 2) / 6
    after = (part + 1) * part * (part - 1) / 6
    return before, after - (part + 1) * part * (part - 2) / 2, after
