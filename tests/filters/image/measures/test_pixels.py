"""Measures beside those of cleanvision 0.3.7, whose answers are stored here."""

import cv2
import numpy as np
import pytest

from babelsift.filters.image.facts import facts_of
from babelsift.schemas.columns import IMAGE_MEASURES
from tests.support.pictures import picture

DRAWN = {
    "plain": lambda image: image,
    "dark": lambda image: (image * 0.3).astype(np.uint8),
    "nearly dark": lambda image: (image * 0.45).astype(np.uint8),
    "bright": lambda image: (255 - (255 - image) * 0.08).astype(np.uint8),
    "blurred": lambda image: cv2.GaussianBlur(image, (0, 0), 8),
    "a little blurred": lambda image: cv2.GaussianBlur(image, (0, 0), 2.5),
    "flat": lambda image: np.full_like(image, 90),
    "two colours": lambda image: np.where(image[..., :1] > 120, 200, 60).astype(np.uint8).repeat(3, 2),
    "tall": lambda image: image[:, :90],
}
# brightness, its 5th and 99th percentiles, entropy, the score of blurriness
CLEANVISION = {
    "plain": (0.4800, 0.3195, 0.7625, 8.869, 0.2798),
    "dark": (0.1423, 0.0941, 0.2273, 7.120, 0.3717),
    "nearly dark": (0.2142, 0.1420, 0.3413, 7.695, 0.3641),
    "bright": (0.9565, 0.9423, 0.9787, 5.236, 0.9451),
    "blurred": (0.4801, 0.3325, 0.7241, 8.643, 0.2637),
    "a little blurred": (0.4800, 0.3228, 0.7549, 8.827, 0.2694),
    "flat": (0.3529, 0.3529, 0.3529, 1.585, 1.0000),
    "two colours": (0.5165, 0.2353, 0.7843, 2.585, 1.0000),
    "tall": (0.4521, 0.2937, 0.7726, 8.826, 0.3190),
}


def facts(rgb):
    return facts_of(np.ascontiguousarray(rgb[..., ::-1]))


def verdicts(low, high, entropy, sharpness):
    return high < 0.32, low > 0.95, entropy < 3, sharpness < 0.29


@pytest.mark.parametrize("name", DRAWN)
def test_measures_and_verdicts_are_those_of_cleanvision(name):
    found, (brightness, low, high, entropy, sharpness) = facts(DRAWN[name](picture(1))), CLEANVISION[name]
    assert found.image_brightness == pytest.approx(brightness, abs=0.002)
    assert found.image_brightness_5 == pytest.approx(low, abs=0.002)
    assert found.image_brightness_99 == pytest.approx(high, abs=0.002)
    assert found.image_entropy == pytest.approx(entropy, abs=0.05)
    assert found.image_sharpness == pytest.approx(sharpness, abs=0.003)
    ours = verdicts(found.image_brightness_5, found.image_brightness_99, found.image_entropy, found.image_sharpness)
    assert ours == verdicts(low, high, entropy, sharpness)


@pytest.mark.parametrize(
    ("rgb", "brightness"), [((255, 0, 0), 0.49092), ((0, 255, 0), 0.83126), ((0, 0, 255), 0.26077)]
)
def test_brightness_weighs_colours_as_cleanvision_does(rgb, brightness):
    assert facts(np.full((90, 90, 3), rgb, np.uint8)).image_brightness == pytest.approx(brightness, abs=1e-5)


@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_are_at_the_ends(level):
    found = facts(np.full((70, 100, 3), level, np.uint8))
    assert found.image_brightness == found.image_brightness_5 == found.image_brightness_99 == level / 255
    assert (found.image_contrast, found.image_colour) == (0, 0)


def test_contrast_colour_and_border():
    grey = picture(2)[..., :1].repeat(3, 2)
    assert facts(grey).image_colour == 0
    assert facts(picture(2)).image_colour > 0.05
    assert facts(grey // 2).image_contrast == pytest.approx(facts(grey).image_contrast / 2, abs=0.01)
    framed = cv2.copyMakeBorder(picture(2), 60, 60, 80, 80, cv2.BORDER_CONSTANT, value=(255,) * 3)
    assert facts(picture(2)).image_border == 0
    assert facts(framed).image_border == pytest.approx(1 - 240 * 320 / (360 * 480), abs=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (63, 65)])
def test_any_size_is_measured(shape):
    found = facts(picture(3)[: shape[0], : shape[1]]).columns()
    assert all(0 <= found[field.name] <= 10 for field in IMAGE_MEASURES)
