"""Blurring boxes, faces for the most part, as img2dataset does.

Source: img2dataset 1.47, `blurrer.py`, after ImageNet's face obfuscation (Yang et al., 2021); its blur is OpenCV's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import cv2
import numpy as np

from babelsift.filters.image.failure import ImageFailureError
from babelsift.schemas import RejectReason

Box = tuple[float, float, float, float]
# Boxes reach a little over the edge at times; far beyond it they are no fractions, and their blur would take for ever.
_LOWEST, _HIGHEST = -1.0, 2.0
_MARGIN = 0.1


def parse_boxes(value: object) -> list[Box]:
    """Returns the boxes of a row: none for null; text is read as JSON.

    Args:
        value: null, a list of boxes, or its JSON.

    Raises:
        ImageFailureError: BOXES_INVALID, not a list of [x_min, y_min, x_max, y_max] in fractions of the sides.
    """
    if isinstance(value, str):
        text = value
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ImageFailureError(RejectReason.BOXES_INVALID, f"not JSON: {text[:60]!r}") from error
    boxes = []
    for box in [] if value is None else value if isinstance(value, (list, tuple)) else [value]:
        if not isinstance(box, (list, tuple)) or len(box) != 4 or not all(_is_fraction(side) for side in box):
            raise ImageFailureError(RejectReason.BOXES_INVALID, f"{box!r}"[:100])
        boxes.append((float(box[0]), float(box[1]), float(box[2]), float(box[3])))
    return boxes


def blur_boxes(image: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """Returns the image with its boxes, and a tenth around them, blurred as img2dataset does: by 3.5 % of the largest.

    Args:
        image: uint8[height, width, 3], BGR.
        boxes: from `parse_boxes`.
    """
    return _blurred(image, boxes, sigma_a_side=0.0)


def blur_faces(image: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """Returns the image with faces, and a tenth around them, blurred by a tenth of the largest, as in ImageNet's paper.

    Args:
        image: uint8[height, width, 3], BGR.
        boxes: of faces, in fractions of the sides.
    """
    return _blurred(image, boxes, sigma_a_side=_MARGIN)


def _blurred(image: np.ndarray, boxes: Sequence[Box], *, sigma_a_side: float) -> np.ndarray:
    """Blurs boxes by a share of the largest one's longer side; 0: as OpenCV does with img2dataset's kernel."""
    if not boxes:
        return image
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.float32)
    largest = 0
    for box in boxes:
        left, top, right, bottom = (int(side * size) for side, size in zip(box, (width, height) * 2, strict=True))
        long = max(right - left, bottom - top)
        largest = max(largest, long)
        left, right = (_inside(side, width) for side in (left - _MARGIN * long, right + _MARGIN * long))
        top, bottom = (_inside(side, height) for side in (top - _MARGIN * long, bottom + _MARGIN * long))
        mask[top:bottom, left:right] = 1
    sigma = sigma_a_side * largest
    kernel = (0, 0) if sigma else (max(3, int(2 * np.ceil(_MARGIN * largest) + 1)) | 1,) * 2
    sharp = image.astype(np.float32) / 255.0
    weight = cv2.GaussianBlur(mask, kernel, sigma)[:, :, np.newaxis]
    blurred = cv2.GaussianBlur(sharp, kernel, sigma)
    return ((sharp * (1 - weight) + blurred * weight) * 255.0).astype(np.uint8)


def _inside(side: float, size: int) -> int:
    return min(max(int(side), 0), size - 1)


def _is_fraction(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and _LOWEST <= value <= _HIGHEST
