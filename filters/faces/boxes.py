"""Boxes in fractions of an image's sides: how much of it they cover, and what is left of them in its middle."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_DIGITS = 4


class FaceBox(NamedTuple):
    """Where a face is, in fractions of the image's sides, and how sure the detector is, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float
    score: float

    @property
    def corners(self) -> list[float]:
        """[left, top, right, bottom], as `download.bbox_col` takes them."""
        return [round(side, _DIGITS) for side in self[:4]]

    def longer_side(self, width: int, height: int) -> float:
        """Returns the longer side in px of an image of that size."""
        return max((self.right - self.left) * width, (self.bottom - self.top) * height)


def in_middle(boxes: Sequence[FaceBox], whole: tuple[int, int], stored: tuple[int, int]) -> list[FaceBox]:
    """Returns the boxes as fractions of an image's middle, which is cut out of it or padded on all sides.

    Args:
        boxes: in fractions of the whole.
        whole: its width and height, px.
        stored: those of the middle; a box outside it is left out.

    >>> in_middle([FaceBox(0.5, 0, 0.75, 0.5, 0.9), FaceBox(0, 0, 0.2, 0.2, 0.8)], (200, 100), (100, 100))
    [FaceBox(left=0.5, top=0.0, right=1.0, bottom=0.5, score=0.9)]
    """
    moved = []
    for box in boxes:
        left, right = (_moved(side, whole[0], stored[0]) for side in (box.left, box.right))
        top, bottom = (_moved(side, whole[1], stored[1]) for side in (box.top, box.bottom))
        if left < right and top < bottom:
            moved.append(FaceBox(left, top, right, bottom, box.score))
    return moved


def _moved(side: float, whole: int, stored: int) -> float:
    cut_off = int((whole - stored) / 2)  # negative: padded
    return min(max((side * whole - cut_off) / stored, 0.0), 1.0)


def covered_share(boxes: Sequence[Sequence[float]]) -> float:
    """Returns the share of an image that boxes cover, where they overlap once.

    Args:
        boxes: [left, top, right, bottom] in fractions of the sides.

    >>> covered_share([[0, 0, 0.5, 0.5], [0.25, 0, 0.75, 0.5]])
    0.375
    """
    across = sorted({side for box in boxes for side in (box[0], box[2])})
    down = sorted({side for box in boxes for side in (box[1], box[3])})
    total = 0.0
    for left, right in pairwise(across):
        for top, bottom in pairwise(down):
            inside = any(box[0] <= left and right <= box[2] and box[1] <= top and bottom <= box[3] for box in boxes)
            total += (right - left) * (bottom - top) if inside else 0.0
    return round(total, 5)
