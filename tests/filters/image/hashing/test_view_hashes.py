import cv2
import numpy as np
import pytest

from babelsift.filters.image import CROP_BYTES, VIEW_CROPS, VIEWS_BYTES, hash_pixels, low_bits, split_views
from babelsift.schemas.columns import PHASH_VIEWS_BYTES
from tests.support.pictures import picture

FAR = 35  # bits of 128; by chance two are 64 apart
CONTENT, CENTRE = 0, 1


def views(image):
    return split_views(np.frombuffer(hash_pixels(np.ascontiguousarray(image)).phash_views, np.uint8)[None])


def of_a_crop(image, other):
    """Bits between another image and the nearest crop of an image."""
    whole = low_bits(np.frombuffer(hash_pixels(np.ascontiguousarray(other)).phash, np.uint8)[None])
    return int(np.bitwise_count(views(image).crops[0] ^ whole).sum(axis=1).min())


def apart(image, other, view=CONTENT):
    assert views(image).exists[0, VIEW_CROPS + view]
    return int(np.bitwise_count(views(image).oriented[0, view] ^ views(other).oriented[0, view]).sum())


def turned(image, degrees):
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


def framed(image, top, bottom, left, right, colour):
    return cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(colour,) * 3)


def written_upon(image):
    image = image.copy()
    for top in (40, 232):
        cv2.putText(image, "SOME WORDS", (10, top), cv2.FONT_HERSHEY_DUPLEX, 1.4, (255,) * 3, 4)
    return image


def test_size():
    assert len(hash_pixels(picture(1)).phash_views) == VIEWS_BYTES == PHASH_VIEWS_BYTES
    assert views(picture(1)).crops.shape == (1, VIEW_CROPS, CROP_BYTES)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("side", range(4))
def test_a_copy_with_a_side_cut_off_is_found(seed, side):
    image = picture(seed)
    cut = (image[:, 32:], image[:, :-32], image[24:], image[:-24])[side]
    assert of_a_crop(image, cut) <= 6


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("degrees", [-4, -3, -2, 2, 3, 4])
@pytest.mark.parametrize("shape", [(240, 320), (320, 240), (200, 500)])
def test_a_copy_that_is_turned_a_little_is_found(seed, degrees, shape):
    image = picture(seed, *shape)
    assert of_a_crop(image, turned(image, degrees)) <= 17


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("view", [CONTENT, CENTRE])
def test_each_of_eight_orientations_has_the_same_hash(seed, view):
    image = picture(seed)
    copies = [np.rot90(one, quarters) for one in (image, image[:, ::-1]) for quarters in range(4)]
    assert max(apart(image, copy, view) for copy in copies) <= 4
    assert len({int(views(copy).orientations[0, view]) for copy in copies}) == 8


@pytest.mark.parametrize("colour", [0, 255])
def test_a_framed_and_a_padded_copy_have_the_same_content(colour):
    image = picture(7)
    assert apart(image, framed(image, 24, 24, 24, 24, colour)) <= 2
    assert apart(image, framed(image, 40, 40, 0, 0, colour)) <= 2
    assert apart(framed(image, 9, 30, 5, 50, 255 - colour), framed(image[:, ::-1], 40, 40, 0, 0, colour)) <= 2
    assert of_a_crop(framed(image, 40, 40, 0, 0, colour), image) <= 2


def test_what_has_no_border_has_no_hash_of_what_lies_within():
    assert not views(picture(1)).exists[0, VIEW_CROPS - 1]


def test_text_at_the_edges_leaves_the_centre_alone():
    image = picture(3)
    assert apart(image, written_upon(image), CENTRE) <= 2
    assert apart(image, written_upon(image)[:, ::-1], CENTRE) <= 2


def test_other_pictures_are_far():
    images = [picture(seed) for seed in range(20, 32)]
    pairs = [(a, b) for a in images for b in images if a is not b]
    assert min(of_a_crop(a, b) for a, b in pairs) > FAR
    assert min(apart(a, b, view) for a, b in pairs for view in (CONTENT, CENTRE)) > FAR


def test_a_blank_within_a_border_has_no_views():
    blank = framed(np.full((200, 200, 3), 40, np.uint8), 50, 50, 50, 50, 255)
    assert not views(blank).exists[0, VIEW_CROPS - 1 :].any()
