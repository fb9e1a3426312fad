from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.image.shrink import shrink_by_area


def cells_of(image: np.ndarray, scale: int) -> np.ndarray:
    """Means of scale x scale pixels, the last row and column continued over the edge, as JPEG's blocks are."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, -height % scale), (0, -width % scale), (0, 0)), mode="edge").astype(float)
    rows, columns = padded.shape[0] // scale, padded.shape[1] // scale
    return np.rint(padded.reshape(rows, scale, columns, scale, 3).mean(axis=(1, 3))).astype(np.uint8)


def picture(width: int, height: int) -> np.ndarray:
    draw = np.random.default_rng(width * height)
    octaves = [cv2.resize(draw.random((2**n, 2**n, 3)), (width, height)) / 1.5**n for n in range(2, 8)]
    image = sum(octaves) - np.min(sum(octaves))
    return (image / image.max() * 255).astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9)))


@pytest.mark.parametrize("size", [(640, 480), (641, 483), (645, 487), (479, 639)])
@pytest.mark.parametrize(("scale", "target"), [(2, (100, 75)), (4, (51, 38)), (8, (25, 19)), (2, (101, 33))])
def test_as_the_full_image_would_be(size, scale, target):
    image = picture(*size)
    found = shrink_by_area(cells_of(image, scale), target, full_size=size, scale=scale)
    assert (found.shape, found.dtype) == ((target[1], target[0], 3), np.uint8)
    assert psnr(found, cv2.resize(image, target, interpolation=cv2.INTER_AREA)) > 45


def test_exact_where_cells_and_targets_share_their_edges():
    image = picture(640, 480)
    found = shrink_by_area(cells_of(image, 2), (160, 120), full_size=(640, 480), scale=2)
    assert np.abs(found.astype(int) - cv2.resize(image, (160, 120), interpolation=cv2.INTER_AREA)).max() <= 1


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 90), st.integers(1, 90), st.sampled_from((2, 4, 8)))
def test_one_colour_stays_one_colour(width, height, target_width, target_height, scale):
    target = (min(target_width, -(-width // scale)), min(target_height, -(-height // scale)))
    cells = np.full((-(-height // scale), -(-width // scale), 3), (0, 137, 255), np.uint8)
    found = shrink_by_area(cells, target, full_size=(width, height), scale=scale)
    assert (found == (0, 137, 255)).all()


def test_results_do_not_share_memory():
    first = shrink_by_area(np.full((40, 40, 3), 9, np.uint8), (10, 10), full_size=(80, 80), scale=2)
    shrink_by_area(np.full((40, 40, 3), 200, np.uint8), (10, 10), full_size=(80, 80), scale=2)
    assert (first == 9).all()
