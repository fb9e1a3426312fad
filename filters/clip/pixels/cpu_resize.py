"""Resizes an image on a CPU bit for bit as Pillow does, in a fraction of its time: only the cut, by whole lines."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.filters.clip.pixels.kernels import weigh_lines


def cut_out(image: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Returns uint8[geometry's height, width, 3], what a model sees of an image.

    Args:
        image: uint8[height, width, 3], or [height, width] of grey.
        geometry: which part, at which size.

    Raises:
        ValueError: the image is so narrow that nothing of it is left.

    >>> cut_out(np.full((40, 60, 3), 7, np.uint8), Geometry(8, 8)).shape
    (8, 8, 3)
    """
    height, width = image.shape[:2]
    if not geometry.goes_along_rows_first(height, width):
        return np.asarray(geometry.by_pillow(Image.fromarray(image)).convert("RGB"))
    rows, columns = geometry.taps(height, width)
    within = geometry.inside(height, width)
    # Lines that no row of the cut looks at are not resized at all.
    used = rows.starts[within[0]]
    first, end = int(used.min()), int(used.max()) + rows.weights.shape[1]
    bands = image.reshape(height, width, -1).shape[2]
    part = np.ascontiguousarray(image[first:end])
    upright = cv2.transpose(part).reshape(width, -1)
    across = weigh_lines(upright, columns.starts, columns.weights).reshape(geometry.width, len(part), bands)
    lines = cv2.transpose(across).reshape(len(part), -1)
    starts = np.clip(rows.starts - first, 0, None).astype(np.int32)
    cut = weigh_lines(lines, starts, rows.weights).reshape(geometry.height, geometry.width, bands)
    if bands == 1:
        cut = np.repeat(cut, 3, axis=2)
    if cut[within].shape != cut.shape:
        inner, cut = cut, np.full_like(cut, geometry.fill)
        cut[within] = inner[within]
    return cut
