import cv2
import numpy as np
import pytest

from babelsift.filters.dedup import have_like_colours
from babelsift.filters.image import COLOURS_BYTES, hash_pixels
from babelsift.filters.image.hashing.colours import colours_of
from babelsift.schemas.columns import PHASH_COLOURS_BYTES
from tests.support.pictures import picture


def colours(image):
    return np.frombuffer(hash_pixels(np.ascontiguousarray(image)).phash_colours, "<i2")[None]


def red_picture():
    """A picture whose red is strongest."""
    return (picture(4) * np.array([0.3, 0.5, 1.0])).astype(np.uint8)


def framed(image):
    return cv2.copyMakeBorder(image, 40, 40, 60, 60, cv2.BORDER_CONSTANT, value=(255,) * 3)


COPIES = {
    "mirrored": lambda image: image[:, ::-1],
    "turned": lambda image: np.rot90(image),
    "half the size": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "twice the size": lambda image: cv2.resize(image, None, fx=2, fy=2),
    "cut": lambda image: image[:, 32:],
    "framed": framed,
    "darker": lambda image: (image * 0.8).astype(np.uint8),
    "grey": lambda image: cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR),
}


def test_size():
    assert len(hash_pixels(picture(1)).phash_colours) == COLOURS_BYTES == PHASH_COLOURS_BYTES


def test_means_and_spreads_are_those_of_the_channels():
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    blue, green, red = np.moveaxis(image.astype(float), -1, 0)
    channels = red - green, (red + green) / 2 - blue
    expected = [32 * moment for moment in (*map(np.mean, channels), *map(np.std, channels))]
    assert np.frombuffer(colours_of(image), "<i2") == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("colour", [(0, 0, 255), (255, 0, 0), (0, 255, 255), (0, 255, 0)])
def test_the_strongest_colours_fit(colour):
    half = np.zeros((64, 64, 3), np.uint8)
    half[:32], half[32:] = colour, 255 - np.array(colour, np.uint8)
    for image in (half, half[:32]):
        blue, green, red = np.moveaxis(image.astype(float), -1, 0)
        means = 32 * (red - green).mean(), 32 * ((red + green) / 2 - blue).mean()
        assert np.frombuffer(colours_of(image), "<i2")[:2] == pytest.approx(means, abs=1)


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_has_like_colours(name):
    assert have_like_colours(colours(red_picture()), colours(COPIES[name](red_picture()))).all()


def test_what_is_framed_has_the_colours_of_what_lies_within():
    assert np.abs(colours(framed(red_picture())).astype(int) - colours(red_picture())).max() <= 3 * 32


def test_the_same_pattern_in_other_colours_has_none_alike():
    assert not have_like_colours(colours(red_picture()), colours(red_picture()[..., ::-1])).any()
    assert not have_like_colours(colours(red_picture()), colours((red_picture() * 0.5).astype(np.uint8))).any()
