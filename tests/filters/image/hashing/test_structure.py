import cv2
import numpy as np
import pytest

from babelsift.filters.image import luminance_of, structure_of

ENOUGH = 0.1  # what recipes ask for unless told otherwise


def structure(image):
    return structure_of(luminance_of(image))


def canvas(colour=255):
    return np.full((300, 400, 3), colour, np.uint8)


def gradient_across():
    return np.ascontiguousarray(
        np.broadcast_to(np.linspace(0, 255, 400).astype(np.uint8)[None, :, None], (300, 400, 3))
    )


def gradient_around():
    y, x = np.mgrid[-1:1:300j, -1:1:400j]
    return np.repeat((255 - 120 * (x**2 + y**2)).astype(np.uint8)[:, :, None], 3, axis=2)


def disc():
    return cv2.circle(canvas(), (200, 150), 100, (30, 20, 200), -1, cv2.LINE_AA)


def word():
    return cv2.putText(canvas(), "ACME", (40, 180), cv2.FONT_HERSHEY_DUPLEX, 3.5, (90, 40, 10), 8, cv2.LINE_AA)


def frame():
    return cv2.rectangle(canvas(0), (100, 80), (300, 220), (0, 220, 220), 40)


@pytest.mark.parametrize("drawn", [canvas, gradient_across, gradient_around, disc, word, frame])
def test_blanks_gradients_and_flat_logos_have_too_little(drawn):
    assert structure(drawn()) < ENOUGH
    packed = cv2.imdecode(cv2.imencode(".jpg", drawn(), [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR)
    assert structure(packed) < ENOUGH


def test_noise_and_a_drawing_of_many_colours_have_enough():
    random = np.random.default_rng(0)
    assert structure(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)) == 1
    scene = canvas(200)
    for _ in range(40):
        centre = tuple(int(x) for x in random.integers(0, 300, 2))
        cv2.circle(scene, centre, int(random.integers(20, 60)), tuple(int(x) for x in random.integers(0, 255, 3)), -1)
    assert structure(scene) > 2 * ENOUGH


def test_it_is_a_share():
    for image in (canvas(), word(), np.zeros((1, 1, 3), np.uint8), np.zeros((3, 900, 3), np.uint8)):
        assert 0 <= structure(image) <= 1
