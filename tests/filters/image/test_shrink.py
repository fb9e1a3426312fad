from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters.image import shrink
from babelsift.filters.image.shrink import shrink_by_area


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
@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 400), st.integers(1, 400))
def test_a_full_image_is_shrunk_as_opencv_does(width, height, target_width, target_height):
    target = (min(target_width, width), min(target_height, height))
    image = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = shrink_by_area(image, target, full_size=(width, height), scale=1)
    exact = np.apply_along_axis(
        means_of, 1, np.apply_along_axis(means_of, 0, image.astype(float), target[1]), target[0]
    )
    assert np.abs(found - exact).max() <= 1


def means_of(values: np.ndarray, targets: int) -> np.ndarray:
    """Of equal parts of a row of values."""
    sums = np.concatenate([[0], np.cumsum(values)])
    return (
        np.diff(np.interp(np.linspace(0, len(values), targets + 1), np.arange(len(sums)), sums)) * targets / len(values)
    )


@pytest.mark.parametrize(
    ("scale", "target"), [(1, (171, 128)), (1, (30, 23)), (2, (50, 38)), (4, (26, 19)), (8, (13, 10))]
)
def test_in_whole_numbers_whatever_way_they_are_added(scale, target):
    image = cells_of(np.random.default_rng(scale).integers(0, 2, (240, 320, 3)) * np.uint8(255), scale)
    found = shrink_by_area(image, target, full_size=(320, 240), scale=scale)
    rows, columns = (dense_weights(*axis, scale) for axis in ((target[1], 240), (target[0], 320)))
    between = np.tensordot(rows, image.astype(object), (1, 0)) * 8 / 4096
    between = np.rint(between.astype(float)).astype(int).astype(object)
    sums = np.tensordot(columns, between, (1, 1)).transpose(1, 0, 2)
    exact = np.rint(np.clip((sums / 2**15).astype(float), 0, 255)).astype(np.uint8)
    assert np.array_equal(found, exact)


def dense_weights(targets: int, pixels: int, scale: int) -> np.ndarray:
    """Python integers[targets, cells], in units of 2**-12."""
    starts, weights = shrink.area_weights(targets, pixels, scale)
    dense = np.zeros((targets, -(-pixels // scale)), dtype=object)
    for target, (start, some) in enumerate(zip(starts, weights.astype(object), strict=True)):
        dense[target, start : start + len(some)] = some
    assert (dense.sum(axis=1) == 4096).all()
    return dense


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 90), st.integers(1, 90), st.sampled_from((1, 2, 4, 8)))
def test_one_colour_stays_one_colour(width, height, target_width, target_height, scale):
    target = (min(target_width, -(-width // scale)), min(target_height, -(-height // scale)))
    cells = np.full((-(-height // scale), -(-width // scale), 3), (0, 137, 255), np.uint8)
    found = shrink_by_area(cells, target, full_size=(width, height), scale=scale)
    assert (found == (0, 137, 255)).all()


def test_results_do_not_share_memory():
    first = shrink_by_area(np.full((40, 40, 3), 9, np.uint8), (10, 10), full_size=(80, 80), scale=2)
    shrink_by_area(np.full((40, 40, 3), 200, np.uint8), (10, 10), full_size=(80, 80), scale=2)
    assert (first == 9).all()


def test_cells_of_another_image_are_refused():
    with pytest.raises(ValueError, match="are not those of 100x80 px at 1/2"):
        shrink_by_area(np.zeros((40, 51, 3), np.uint8), (10, 10), full_size=(100, 80), scale=2)


def test_images_that_are_turned_or_cut_are_read_in_their_own_order():
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    for view in (image[:, ::-1], image.transpose(1, 0, 2), image[10:50, 20:60]):
        height, width = view.shape[:2]
        whole = shrink_by_area(view.copy(), (17, 13), full_size=(width, height), scale=1)
        assert np.array_equal(shrink_by_area(view, (17, 13), full_size=(width, height), scale=1), whole)
