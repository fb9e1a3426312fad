import cv2
import numpy as np
import pytest

from babelsift.filters.image import CROP_BYTES, CROPS, PHASH_BITS, hash_pixels, low_bits
from babelsift.schemas.columns import PHASH_CROPS_BYTES
from tests.support.pictures import picture

FAR = 35  # bits of 128; by chance two are 64 apart


def whole(image):
    return low_bits(np.frombuffer(hash_pixels(image).phash, np.uint8)[None])[0]


def crops(image):
    return np.frombuffer(hash_pixels(image).phash_crops, np.uint8).reshape(CROPS, CROP_BYTES)


def apart(image, other):
    return int(np.bitwise_count(crops(image) ^ whole(other)).sum(axis=1).min())


def cut(image, top=0.0, bottom=0.0, left=0.0, right=0.0):
    height, width = image.shape[:2]
    return image[
        round(top * height) : height - round(bottom * height), round(left * width) : width - round(right * width)
    ].copy()


def test_size():
    assert len(hash_pixels(picture(1)).phash_crops) == CROPS * CROP_BYTES == PHASH_CROPS_BYTES
    assert low_bits(np.zeros((3, 32), np.uint8)).shape == (3, CROP_BYTES)


def test_low_bits_are_half_of_the_hash_each_bit_once():
    one_hot = np.packbits(np.eye(PHASH_BITS, dtype=np.uint8), axis=1)
    taken = np.unpackbits(low_bits(one_hot), axis=1)
    assert taken.sum(axis=0).tolist() == [1] * 128
    kept = np.flatnonzero(taken.sum(axis=1))
    rows, columns = kept // 16 + 1, kept % 16 + 1
    assert (rows**2 + columns**2).max() <= 180  # of 512: the lowest frequencies


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "cuts",
    [
        {"left": 0.05}, {"right": 0.05}, {"top": 0.05}, {"bottom": 0.05},
        {"left": 0.05, "top": 0.05}, {"right": 0.05, "bottom": 0.05}, {"left": 0.05, "bottom": 0.05},
        dict.fromkeys(("left", "right", "top", "bottom"), 0.025),
        dict.fromkeys(("left", "right", "top", "bottom"), 0.05),
        {"left": 0.01, "right": 0.04, "top": 0.025, "bottom": 0.025},
    ],
)  # fmt: skip
def test_a_crop_is_found_by_the_original(seed, cuts):
    image = picture(seed)
    assert apart(image, cut(image, **cuts)) <= 13


@pytest.mark.parametrize("share", [0.02, 0.03, 0.04])
@pytest.mark.parametrize("colour", [0, 128, 255])
def test_an_original_is_found_by_its_framed_copy(share, colour):
    image = picture(7)
    width = round(share * 240)
    framed = cv2.copyMakeBorder(image, width, width, width, width, cv2.BORDER_CONSTANT, value=(colour,) * 3)
    assert apart(framed, image) <= 13


def test_other_pictures_are_far():
    images = [picture(seed) for seed in range(20, 32)]
    assert min(apart(a, b) for a in images for b in images if a is not b) > FAR


def test_a_mirrored_picture_is_another():
    image = picture(5)
    assert apart(image, np.ascontiguousarray(image[:, ::-1])) > FAR
