"""Shrinking by area, from an image or from one that was decoded at a half, a quarter or an eighth of its scale.

libjpeg can leave the finer frequencies out while it decodes, which costs a fraction of decoding them. What it gives are
means of 2x2, 4x4 or 8x8 pixels, nearly; what is wanted is the mean over each target pixel's area of the full image,
whose edges lie within such cells. Splitting the cells at these edges in proportion, as OpenCV's `INTER_AREA` would,
loses 2 dB against reading the sums up to an edge off a cubic through the sums up to the cells' own edges.

All of it is in whole numbers, so that the pixels are the same on every machine.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

_SIZES_REMEMBERED = 512
_DETAIL_ROWS = 16
_FRAME_CELLS, _FRAME_PLACES = 17, 8

# Weights are multiples of 2**-12; what is between the two axes is kept in eighths of a grey level. A sum of 255 levels
# times 8 times 2**12 is below 2**23, and the cubic overshoots by less than a half.
_WEIGHT_BITS, _PART_BITS = 12, 3
_BITS = (np.int32(_WEIGHT_BITS - _PART_BITS), np.int32(_WEIGHT_BITS + _PART_BITS))

_Taps = tuple[np.ndarray, np.ndarray]


def shrink_by_area(cells: np.ndarray, size: tuple[int, int], *, full_size: tuple[int, int], scale: int) -> np.ndarray:
    """Returns the image brought to `size` (width, height), as if the full image had been.

    Args:
        cells: uint8[ceil(height / scale), ceil(width / scale), 3], means of scale x scale pixels; the last ones may be
            means of what lies over the edge.
        size: at most a pixel a cell.
        full_size: (width, height) that the cells stand for.
    """
    from babelsift.filters.image.kernels import shrink

    (width, height), (full_width, full_height) = size, full_size
    if cells.shape != (-(-full_height // scale), -(-full_width // scale), 3):
        raise ValueError(f"cells of {cells.shape} are not those of {full_width}x{full_height} px at 1/{scale}")
    down, across = _row_taps(height, full_height, scale), _column_taps(width, full_width, scale)
    return shrink(np.ascontiguousarray(cells), down, across, _BITS)


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


def frame_step(cells: np.ndarray) -> float:
    """Returns how hard the edge of a frame around the image is: the step's mean square, of the hardest of four sides.

    Where a frame ends within a cell is not known from the cell's mean, and is the same all along a side of the image.
    Looked for is what lies within 16 cells of a side; of what changes along it, one in 8.
    """
    hardest = 0.0
    for turned in (cells, cells.transpose(1, 0, 2)):
        for side in (turned[:_FRAME_CELLS], turned[-_FRAME_CELLS:]):
            steps: np.ndarray = np.diff(side[:, ::_FRAME_PLACES].astype(np.int32), axis=0)
            if len(steps):
                hardest = max(hardest, float((steps**2).mean(axis=(1, 2)).max()))
    return hardest


@lru_cache(_SIZES_REMEMBERED)
def _row_taps(targets: int, pixels: int, scale: int) -> _Taps:
    """For target rows: (uint32[targets], the first row of cells; int32[targets, taps], the weights from there on)."""
    starts, weights = area_weights(targets, pixels, scale)
    return starts.astype(np.uint32), weights


@lru_cache(_SIZES_REMEMBERED)
def _column_taps(targets: int, pixels: int, scale: int) -> _Taps:
    """The same for target columns: the first value, of three a cell; weights as int32[taps, targets]."""
    starts, weights = area_weights(targets, pixels, scale)
    return (3 * starts).astype(np.uint32), np.ascontiguousarray(weights.T)


def area_weights(targets: int, pixels: int, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the weights of cells along one axis: (int64[targets], first cells; int32[targets, cells], weights).

    Weights are whole numbers of 2**-12, and those of a target pixel sum up to one.

    Args:
        targets: target pixels.
        pixels: of the full image.
        scale: pixels a cell.
    """
    cells, cells_a_target = -(-pixels // scale), pixels / targets / scale
    firsts = np.arange(targets)
    edges = (firsts[:, None] + np.arange(2)) * cells_a_target
    whole = np.minimum(edges.astype(int), cells - 1)
    around = 1 if scale > 1 else 0
    widest = min(int((whole[:, -1] - whole[:, 0]).max()) + 1 + 2 * around, cells)
    starts = np.clip(whole[:, 0] - around, 0, cells - widest)
    sums = (starts[:, None, None] + np.arange(widest) < whole[:, :, None]).astype(np.float64)
    target, edge = np.indices(whole.shape)
    parts = _weights_around(edges - whole) if around else (edges - whole,)
    for offset, part in enumerate(parts, start=-around):
        # what would lie over the edge of the image is taken to be as its last cell
        sums[target, edge, np.clip(whole + offset, 0, cells - 1) - starts[:, None]] += part
    upto = np.rint(np.cumsum(sums[:, 1] - sums[:, 0], axis=1) * ((1 << _WEIGHT_BITS) / cells_a_target))
    return starts, np.diff(upto, axis=1, prepend=0).astype(np.int32)


def _weights_around(part: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What of the cells before, at and after an edge belongs to the sum up to it, where it has `part` of the second.

    Of Lagrange's cubic through the sums up to the four edges of these cells.
    """
    before = part * (part - 1) * (part - 2) / 6
    after = (part + 1) * part * (part - 1) / 6
    return before, after - (part + 1) * part * (part - 2) / 2, after
