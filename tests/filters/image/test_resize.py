from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelsift.filters.image import ImageFailureError
from babelsift.filters.image.decoding.decode import DecodedImage
from babelsift.filters.image.resize import encode_image, is_resized
from babelsift.filters.image.resize import resize_image as resize_decoded
from babelsift.schemas.recipe import DownloadSettings

MODES = ("no", "border", "keep_ratio", "keep_ratio_largest", "center_crop")


def resize_image(image: np.ndarray, settings: DownloadSettings) -> np.ndarray:
    height, width = image.shape[:2]
    return resize_decoded(DecodedImage(image, width, height, 1, as_stored=True), settings)


def size_by_img2dataset(width: int, height: int, settings: DownloadSettings) -> tuple[int, int]:
    """What img2dataset 1.47 stores: `resizer.py`, with the arithmetic of albumentations 1.x."""
    side = settings.image_size
    if settings.resize_mode in ("keep_ratio", "center_crop"):
        if settings.resize_only_if_bigger and min(width, height) <= side:
            return width, height
        scale = side / min(height, width)
        if settings.resize_mode == "center_crop":
            return side, side
        return max(1, round(width * scale)), max(1, round(height * scale))
    if settings.resize_mode in ("border", "keep_ratio_largest"):
        if settings.resize_only_if_bigger and max(width, height) <= side:
            return width, height
        scale = side / max(height, width)
        if settings.resize_mode == "border":
            return side, side
        return max(1, round(width * scale)), max(1, round(height * scale))
    return width, height


@given(st.sampled_from(MODES), st.booleans(), st.integers(1, 300), st.integers(1, 300), st.integers(1, 200))
def test_sizes_are_img2datasets(mode, only_if_bigger, width, height, side):
    settings = DownloadSettings(resize_mode=mode, resize_only_if_bigger=only_if_bigger, image_size=side)
    if max(width, height) * side > 50 * 300 * min(width, height):
        return  # upscaled slivers take gigabytes, here as there
    found = resize_image(np.zeros((height, width, 3), np.uint8), settings)
    assert (found.shape[1], found.shape[0]) == size_by_img2dataset(width, height, settings)
    assert is_resized(width, height, settings) or found.shape == (height, width, 3)


def gradient(width: int, height: int) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 0] = np.linspace(0, 255, width)
    image[:, :, 1] = np.linspace(0, 255, height)[:, None]
    return image


def test_downscaling_averages_areas():
    checkers = np.indices((64, 64)).sum(axis=0) % 2 * 255
    image = np.repeat(checkers[:, :, None], 3, axis=2).astype(np.uint8)
    found = resize_image(image, DownloadSettings(image_size=32))
    assert np.abs(found.astype(int) - 128).max() <= 1


def test_upscaling_is_lanczos():
    edge = np.zeros((16, 16, 3), np.uint8)
    edge[:, 8:] = 200
    found = resize_image(edge, DownloadSettings(image_size=64, resize_only_if_bigger=False))
    assert found.max() > 200  # the overshoot that linear and area have not


def test_center_crop_cuts_the_middle():
    image = gradient(300, 100)
    found = resize_image(image, DownloadSettings(image_size=50, resize_mode="center_crop"))
    assert found.shape == (50, 50, 3)
    assert abs(int(found[:, :, 0].mean()) - 127) <= 2


def test_border_is_white_and_even():
    found = resize_image(gradient(300, 100), DownloadSettings(image_size=60, resize_mode="border"))
    assert found.shape == (60, 60, 3)
    assert (found[:20] == 255).all()
    assert (found[40:] == 255).all()
    assert not (found[20:40] == 255).all()


def test_unchanged_where_small():
    image = gradient(30, 20)
    for mode in MODES:
        assert resize_image(image, DownloadSettings(image_size=64, resize_mode=mode)) is image


@pytest.mark.parametrize(
    ("file_format", "quality", "magic"), [("jpg", 95, b"\xff\xd8\xff"), ("png", 9, b"\x89PNG"), ("webp", 90, b"RIFF")]
)
def test_encoding(file_format, quality, magic):
    settings = DownloadSettings(encode_format=file_format, encode_quality=quality)
    assert encode_image(gradient(64, 48), settings).startswith(magic)


def test_quality_matters():
    small = encode_image(gradient(256, 256), DownloadSettings(encode_quality=10))
    large = encode_image(gradient(256, 256), DownloadSettings(encode_quality=95))
    assert len(small) < len(large) / 2


@pytest.mark.parametrize(("file_format", "side"), [("jpg", 65_501), ("webp", 16_384)])
def test_sides_that_a_format_cannot_hold(file_format, side):
    settings = DownloadSettings(encode_format=file_format)
    with pytest.raises(ImageFailureError, match=rf"{side}x1 px do not fit into {file_format}"):
        encode_image(np.zeros((1, side, 3), np.uint8), settings)
    assert encode_image(np.zeros((1, side - 1, 3), np.uint8), settings)


@pytest.mark.parametrize(("file_format", "quality", "highest"), [("png", 10, 9), ("jpg", 101, 100), ("webp", 101, 100)])
def test_qualities_that_a_format_does_not_have(file_format, quality, highest):
    with pytest.raises(ValueError, match=f"from 0 to {highest} for {file_format}, found {quality}"):
        DownloadSettings(encode_format=file_format, encode_quality=quality)
    DownloadSettings(encode_format=file_format, encode_quality=highest)
