"""JPEGs decoded right into memory: Pillow's pixels, and Pillow's word on what is damaged or of another kind."""

import io
from functools import partial

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from babelsift.filters.clip.pixels.decode import decode
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.filters.clip.pixels.images import read_image
from babelsift.filters.clip.pixels.jpeg import decode_jpeg, decodes_as_pillow
from tests.support.clip_pairs import encoded

GEOMETRY = Geometry(16, 16)
SIZES = [(1, 1), (1, 40), (40, 1), (7, 9), (8, 8), (16, 16), (17, 33), (64, 48), (131, 97)]
EXIF = Image.Exif()
EXIF[0x0112] = 6  # turned by a quarter, which Pillow leaves to others
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
OPTIONS = {
    "4:4:4": {"subsampling": "4:4:4", "quality": 95},
    "4:2:2": {"subsampling": "4:2:2", "quality": 80},
    "4:2:0": {"subsampling": "4:2:0", "quality": 75},
    "progressive": {"progressive": True, "quality": 90},
    "coarse": {"quality": 3, "subsampling": "4:2:0"},
    "exact": {"quality": 100, "optimize": True},
    "restarts": {"restart_marker_blocks": 1},
    "turned": {"exif": EXIF.tobytes()},
    "profile": {"icc_profile": PROFILE, "comment": b"a comment"},
    "rgb inside": {"keep_rgb": True},
    "smoothed": {"smooth": 30, "dpi": (300, 300)},
}


def photograph(width, height, mode="RGB"):
    """Slopes and noise beside each other, some of it of black and white."""
    draw = np.random.default_rng(width * 1000 + height)
    coarse = Image.fromarray(draw.integers(0, 256, (3, 4, 3), dtype=np.uint8))
    levels = np.array(coarse.resize((width, height), Image.Resampling.BICUBIC))
    levels[height // 2 :] = draw.integers(0, 256, levels[height // 2 :].shape)
    levels[:, width // 2 :] = np.where(levels[:, width // 2 :] > 127, 255, 0)
    return Image.fromarray(levels).convert(mode)


def by_pillow(data):
    return read_image(data, lambda image: np.asarray(image.convert("RGB")))


def by_libjpeg(data, mode="RGB", into=None):
    with Image.open(io.BytesIO(data)) as image:
        return decode_jpeg(data, image, mode=mode, into=into)


@pytest.mark.parametrize("name", OPTIONS)
def test_pixels_are_pillows_whatever_the_kind_of_jpeg(name):
    for size in SIZES:
        data = encoded(photograph(*size), **OPTIONS[name])
        np.testing.assert_array_equal(by_libjpeg(data), by_pillow(data))
        np.testing.assert_array_equal(decode(data, GEOMETRY, max_whole_pixels=10**6), by_pillow(data))


@pytest.mark.parametrize("sampling", ["444", "422", "420", "440", "411"])
def test_pixels_are_pillows_whatever_the_sampling_of_colours(sampling):
    for size in SIZES:
        data = simplejpeg.encode_jpeg(np.ascontiguousarray(photograph(*size)), 70, "RGB", sampling)
        np.testing.assert_array_equal(by_libjpeg(data), by_pillow(data))


def test_grey_has_one_band_or_three():
    for size in SIZES:
        data = encoded(photograph(*size, "L"), quality=80)
        np.testing.assert_array_equal(by_libjpeg(data), by_pillow(data))
        np.testing.assert_array_equal(by_libjpeg(data, "L")[..., 0], by_pillow(data)[..., 0])


def test_memory_that_is_given_has_the_pixels_and_nothing_else_is_touched():
    data = encoded(photograph(31, 20))
    memory = np.full(31 * 20 * 3 + 5, 7, np.uint8)
    pixels = by_libjpeg(data, into=memory)
    assert np.shares_memory(pixels, memory)
    np.testing.assert_array_equal(memory[:-5].reshape(20, 31, 3), by_pillow(data))
    assert memory[-5:].tolist() == [7] * 5
    elsewhere = by_libjpeg(data, into=memory[:100])
    np.testing.assert_array_equal(elsewhere, by_pillow(data))
    assert memory[-5:].tolist() == [7] * 5


@pytest.mark.parametrize("most", [0, 10**6])
def test_every_image_is_put_into_the_memory_that_is_given(most):
    kinds = [encoded(photograph(40, 30, mode)) for mode in ("RGB", "L", "CMYK")]
    kinds += [
        encoded(photograph(40, 30, mode), kind) for mode, kind in (("RGBA", "PNG"), ("L", "PNG"), ("RGB", "WEBP"))
    ]
    kinds += [kinds[0][:-30]]
    for data in kinds:
        memory = np.zeros(40 * 30 * 3, np.uint8)
        pixels, expected = (
            decode(data, GEOMETRY, max_whole_pixels=most, into=memory),
            decode(data, GEOMETRY, max_whole_pixels=most),
        )
        np.testing.assert_array_equal(pixels, expected)
        assert isinstance(pixels, str) or np.shares_memory(pixels, memory)


def test_pillow_decides_on_what_is_damaged_or_of_another_kind():
    whole = encoded(photograph(64, 48), subsampling="4:2:0")
    damaged = {
        "cut": whole[: len(whole) // 2],
        "without its end": whole[:-2],
        "a byte of its scan changed": whole[:700] + b"\xff\xd4" + whole[702:],
        "CMYK": encoded(photograph(64, 48, "CMYK")),
        "PNG": encoded(photograph(64, 48), "PNG"),
    }
    for data in damaged.values():
        assert by_libjpeg(data) is None
        expected = by_pillow(data)
        found = decode(data, Geometry(48, 64, "squash"), max_whole_pixels=10**6)
        assert isinstance(found, str) == isinstance(expected, str)
        if isinstance(expected, str):
            assert found == expected
        elif data is not damaged["CMYK"]:
            np.testing.assert_array_equal(found, expected)


WHOLE = [encoded(photograph(40, 24), **OPTIONS[name]) for name in ("4:2:0", "progressive", "restarts")]


@given(
    st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=3)), max_size=3)
)
def test_bytes_that_anything_happened_to_have_pillows_outcome(whole, changes):
    data = bytearray(whole)
    for place, content in changes:
        start = 2 + place % (len(data) - 2)
        data[start : start + len(content)] = content
    expected, found = by_pillow(bytes(data)), decode(bytes(data), GEOMETRY, max_whole_pixels=10**9)
    if isinstance(expected, str) or isinstance(found, str):
        assert found == expected
    else:
        np.testing.assert_array_equal(found, expected)


def test_a_decoder_with_other_settings_is_told_from_pillow():
    assert decodes_as_pillow(simplejpeg.decode_jpeg)
    assert not decodes_as_pillow(partial(simplejpeg.decode_jpeg, fastupsample=True))
    assert not decodes_as_pillow(partial(simplejpeg.decode_jpeg, fastdct=True))
