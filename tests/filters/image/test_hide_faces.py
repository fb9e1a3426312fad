"""Faces before an image is stored: blurred, counted, or the image left out."""

import json

import cv2
import numpy as np
import pytest

from babelsift.filters.image import ImageFailure, process_image
from babelsift.filters.image.blur import blur_boxes, blur_faces
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings, FaceSettings
from tests.support.tiny_face_detector import install_tiny_detector, with_faces

FACE = (64, 32)  # of 32 px around (66, 34)


@pytest.fixture(autouse=True)
def _detector(tmp_path, monkeypatch):
    install_tiny_detector(tmp_path, monkeypatch)


def processed(image, do, boxes=(), **settings):
    of_faces = {name: settings.pop(name) for name in ("min_score", "min_side_px") if name in settings}
    faces = None if do is None else FaceSettings(do=do, **of_faces)
    body = cv2.imencode(".png", image)[1].tobytes()
    plain = {"encode_format": "png", "encode_quality": 1, "resize_mode": "no"}
    return body, process_image(body, DownloadSettings(**(plain | settings), faces=faces), boxes)


def pixels(image):
    return cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR).astype(int)


def test_faces_are_blurred_and_nothing_else_is():
    image = with_faces(160, 96, FACE)
    _, stored = processed(image, "blur")
    assert stored.faces.face_count == 1
    assert json.loads(stored.faces.face_boxes) == [[0.3125, 0.1875, 0.5125, 0.5208]]
    assert np.abs(np.diff(pixels(stored)[26:42, 58:74], axis=1)).max() < 6  # stripes of 40, and a red cell, before
    assert (pixels(stored)[:, 110:] == image[:, 110:]).all()


def test_faces_that_are_counted_stay_as_they_are():
    body, stored = processed(with_faces(160, 96, FACE), "count", skip_reencode=True)
    assert (stored.faces.face_count, stored.data) == (1, body)


def test_an_image_with_faces_is_dropped_with_the_likeliest_ones_score():
    _, failure = processed(with_faces(160, 96, FACE, (132, 60)), "drop")
    assert failure == ImageFailure(RejectReason.HAS_FACES, "1.00, of 2")
    _, stored = processed(with_faces(160, 96), "drop")
    assert (stored.faces.face_count, stored.faces.face_boxes) == (0, "[]")


@pytest.mark.parametrize(("setting", "count"), [({"min_side_px": 32}, 1), ({"min_side_px": 33}, 0), ({}, 1)])
def test_small_faces_are_passed_over(setting, count):
    body, stored = processed(with_faces(160, 96, FACE), "blur", skip_reencode=True, **setting)
    assert stored.faces.face_count == count
    assert (stored.data == body) == (count == 0)  # the file as served is kept where nothing is blurred


def test_where_none_are_looked_for_nothing_is_said():
    body, stored = processed(with_faces(160, 96, FACE), None, skip_reencode=True)
    assert (stored.faces.face_count, stored.faces.face_boxes, stored.data) == (None, None, body)


def test_boxes_are_those_of_the_image_as_stored():
    cropped = {"resize_mode": "center_crop", "image_size": 96, "resize_only_if_bigger": False}
    _, stored = processed(with_faces(160, 96, FACE), "count", **cropped)
    assert json.loads(stored.faces.face_boxes) == [[0.1875, 0.1875, 0.5208, 0.5208]]
    _, outside = processed(with_faces(160, 96, (0, 32)), "drop", **cropped)
    assert outside.faces.face_count == 0
    padding = {"resize_mode": "border", "image_size": 160, "resize_only_if_bigger": False}
    _, padded = processed(with_faces(160, 96, FACE), "count", **padding)
    assert json.loads(padded.faces.face_boxes)[0][1] == pytest.approx((32 + 18) / 160, abs=1e-3)


def test_boxes_of_the_input_are_blurred_too():
    image = with_faces(160, 96, FACE)
    (_, both), (_, face) = processed(image, "blur", [(0.7, 0.1, 0.95, 0.9)]), processed(image, "blur")
    changed = np.abs(pixels(both) - pixels(face)).max(axis=(0, 2))
    assert changed[120:140].min() > 5
    assert not changed[:90].any()


def test_faces_are_blurred_more_than_boxes_of_the_input():
    image, box = with_faces(160, 96), [(0.2, 0.2, 0.6, 0.8)]
    image[:] = np.where(np.arange(160)[None, :, None] // 8 % 2, 40, 200)
    left_by = {blur: np.ptp(blur(image, box)[40:50, 50:80].astype(int)) for blur in (blur_boxes, blur_faces)}
    assert left_by[blur_faces] < left_by[blur_boxes] / 3
