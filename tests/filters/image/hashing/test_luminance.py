from __future__ import annotations

import cv2
import numpy as np
import pytest

from babelsift.filters.image.hashing.luminance import GREY_SIDE, luminance_of


def by_repeating(grey: np.ndarray) -> np.ndarray:
    """The mean over each 64th: every pixel cut into 64 a side, summed."""
    height, width = grey.shape
    rows = np.repeat(grey.astype(np.int64), GREY_SIDE, axis=0).reshape(GREY_SIDE, height, width).sum(axis=1)
    both = np.repeat(rows, GREY_SIDE, axis=1).reshape(GREY_SIDE, GREY_SIDE, width).sum(axis=2)
    return both * 256 // (height * width)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (63, 65), (64, 64), (90, 77), (128, 64), (333, 501)])
def test_means_over_areas(size):
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    found = luminance_of(image)
    assert (found.shape, found.dtype) == ((GREY_SIDE, GREY_SIDE), np.uint16)
    assert np.array_equal(found, by_repeating(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)))


def test_more_pixels_than_32_bits_can_sum_up():
    white = np.full((2950, 2950, 3), 255, np.uint8)
    assert (luminance_of(white) == 255 * 256).all()
    halves = white.copy()
    halves[:, : 2950 // 2] = 0
    found = luminance_of(halves)
    assert (found[:, :31] == 0).all()
    assert (found[:, 33:] == 255 * 256).all()
