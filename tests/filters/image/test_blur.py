from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.image import ImageFailureError, blur_boxes, parse_boxes
from babelsift.schemas import RejectReason
from tests.support.hostile_web import photo

IMAGE = np.asarray(photo(3, (120, 80)))[:, :, ::-1].copy()
NOISE = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)


def img2datasets(img, bbox_list):
    """img2dataset 1.47's BoundingBoxBlurrer, albumentations' GaussianBlur being cv2's with sigma from the kernel."""
    if len(bbox_list) == 0:
        return img
    height, width = img.shape[:2]
    img = img.astype(np.float32) / 255.0
    mask = np.zeros_like(img)
    max_diagonal = 0
    for bbox in bbox_list:
        box = [int(bbox[0] * width), int(bbox[1] * height), int(bbox[2] * width), int(bbox[3] * height)]
        diagonal = max(box[2] - box[0], box[3] - box[1])
        max_diagonal = max(max_diagonal, diagonal)
        box = [int(box[i] + sign * 0.1 * diagonal) for i, sign in enumerate((-1, -1, 1, 1))]
        box = [int(np.clip(side, 0, (width, height)[i % 2] - 1)) for i, side in enumerate(box)]
        mask[box[1] : box[3], box[0] : box[2], ...] = 1
    kernel_size = max(3, int(2 * np.ceil(0.1 * max_diagonal) + 1))
    if kernel_size % 2 == 0:
        kernel_size += 1
    blurred_img = cv2.GaussianBlur(img, (kernel_size, kernel_size), 0)
    blurred_mask = cv2.GaussianBlur(mask, (kernel_size, kernel_size), 0)
    return ((img * (1 - blurred_mask) + blurred_img * blurred_mask) * 255.0).astype(np.uint8)


side = st.floats(-0.5, 1.5)


@given(st.lists(st.tuples(side, side, side, side), max_size=4))
def test_boxes_are_blurred_as_img2dataset_does(boxes):
    for image in (IMAGE, NOISE):
        apart = np.abs(blur_boxes(image, boxes).astype(int) - img2datasets(image, boxes).astype(int))
        assert apart.max() <= 1  # the mask is one channel here, three there: sums may round otherwise


def test_what_is_in_a_box_is_gone_and_the_rest_is_not():
    blurred = blur_boxes(NOISE, [(0.2, 0.2, 0.6, 0.8)])
    inside, outside = np.s_[20:40, 25:45], np.s_[:, 75:]
    assert blurred[inside].std() < NOISE[inside].std() / 3
    assert np.abs(blurred[outside].astype(int) - NOISE[outside]).max() <= 1


def test_no_boxes():
    assert blur_boxes(IMAGE, []) is IMAGE


@pytest.mark.parametrize(
    ("value", "boxes"),
    [
        (None, []),
        ([], []),
        ([[0, 0.5, 1, 1.0]], [(0.0, 0.5, 1.0, 1.0)]),
        ("[[0, 0, 0.5, 1]]", [(0.0, 0.0, 0.5, 1.0)]),
        ("[]", []),
        ("null", []),
    ],
)
def test_boxes_that_are_some(value, boxes):
    assert parse_boxes(value) == boxes


@pytest.mark.parametrize(
    "value",
    [
        "[[0, 0",
        "[" * 100_000,
        7,
        [7],
        [[0, 0, 1]],
        [[0, 0, 1, "1"]],
        [[0, 0, 1, float("nan")]],
        [[0, 0, 1, float("inf")]],
        [[0, 0, 1e9, 1]],
        [[0, 0, 1, None]],
        [[0, 0, True, 1]],
        [None],
        {"x": 1},
    ],
)
def test_boxes_that_are_none(value):
    with pytest.raises(ImageFailureError) as raised:
        parse_boxes(value)
    assert raised.value.reason is RejectReason.BOXES_INVALID
    assert len(raised.value.detail) <= 100
