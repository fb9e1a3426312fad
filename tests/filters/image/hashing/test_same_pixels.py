"""What is stored is what img2dataset 1.47 stores: the same size, and the same pixels within 38 dB.

The other side is written anew here from its `resizer.py` and the albumentations transforms that this calls.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from babelsift.filters.image import ProcessedImage, process_image, read_header
from babelsift.filters.image.process import decode_for
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import encoded

MODES = ("no", "border", "keep_ratio", "keep_ratio_largest", "center_crop")
FORMATS = {"jpg": 95, "png": 9, "webp": 95}
SIDE = 64


def like_a_photograph(width: int, height: int) -> Image.Image:
    """Structure at every scale, falling off as in photographs, with hard edges over it."""
    draw = np.random.default_rng(width + height)
    levels = range(2, int(np.log2(max(width, height))) + 1)
    image = sum(
        cv2.resize(draw.normal(size=(2**n, 2**n, 3)), (width, height), interpolation=cv2.INTER_CUBIC) / 1.7**n
        for n in levels
    )
    image = 128 + 45 * (image - image.mean()) / image.std()
    for _ in range(12):
        x, y = draw.integers(0, width), draw.integers(0, height)
        cv2.circle(image, (int(x), int(y)), int(width * draw.uniform(0.03, 0.12)), draw.uniform(0, 255, 3).tolist(), -1)
    return Image.fromarray(image.clip(0, 255).astype(np.uint8))


def by_img2dataset(body: bytes, mode: str, file_format: str) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED)
    if image.ndim == 3 and image.shape[-1] == 4:
        alpha = image[:, :, 3, np.newaxis]
        image = np.rint((alpha / 255 * image[..., :3] + 255 - alpha).clip(min=0, max=255)).astype(np.uint8)
    height, width = image.shape[:2]
    decides = max(height, width) if mode in ("border", "keep_ratio_largest") else min(height, width)
    if mode != "no" and decides > SIDE:
        size = (max(1, round(width * SIDE / decides)), max(1, round(height * SIDE / decides)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        height, width = image.shape[:2]
        if mode == "center_crop":
            top, left = (height - SIDE) // 2, (width - SIDE) // 2
            image = image[top : top + SIDE, left : left + SIDE]
        if mode == "border":
            padded = np.full((SIDE, SIDE, 3), 255, np.uint8)
            top, left = (SIDE - height) // 2, (SIDE - width) // 2
            padded[top : top + height, left : left + width] = image
            image = padded
    flags = {"jpg": cv2.IMWRITE_JPEG_QUALITY, "png": cv2.IMWRITE_PNG_COMPRESSION, "webp": cv2.IMWRITE_WEBP_QUALITY}
    return pixels(cv2.imencode(f".{file_format}", image, [flags[file_format], FORMATS[file_format]])[1].tobytes())


def pixels(body: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGB")).astype(float)


def stored(body: bytes, mode: str, file_format: str, **changes: object) -> np.ndarray:
    quality = FORMATS[file_format]
    settings = DownloadSettings(
        image_size=SIDE, resize_mode=mode, encode_format=file_format, encode_quality=quality, **changes
    )
    image = process_image(body, settings)
    assert isinstance(image, ProcessedImage), image
    return pixels(image.data)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    assert a.shape == b.shape
    return float(10 * np.log10(255**2 / max(np.mean((a - b) ** 2), 1e-9)))


BODIES = {
    "jpg": encoded(like_a_photograph(150, 113), quality=90),
    "large jpg, decoded at a half": encoded(like_a_photograph(643, 487), quality=90),
    "larger jpg, decoded at a quarter": encoded(like_a_photograph(1735, 1307), quality=90),
    "progressive jpg, decoded at a half": encoded(like_a_photograph(600, 450), quality=85, progressive=True),
    "tall jpg": encoded(like_a_photograph(70, 500), quality=90),
    "small jpg": encoded(like_a_photograph(60, 40), quality=90),
    "png": encoded(like_a_photograph(300, 201), "PNG"),
    "png with alpha": encoded(Image.merge("RGBA", [*like_a_photograph(300, 201).split(), Image.linear_gradient("L").resize((300, 201))]), "PNG"),
    "webp": encoded(like_a_photograph(201, 300), "WEBP", quality=90),
    "bmp": encoded(like_a_photograph(201, 99), "BMP"),
    "gif": encoded(like_a_photograph(201, 99).quantize(64), "GIF"),
    "avif": encoded(like_a_photograph(201, 150), "AVIF", quality=80),
}  # fmt: skip


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", BODIES)
def test_same_size_and_pixels(name, mode, file_format):
    body = BODIES[name]
    assert psnr(stored(body, mode, file_format), by_img2dataset(body, mode, file_format)) >= 38


@pytest.mark.parametrize(
    ("side", "wanted", "scale"), [(400, 64, 2), (383, 64, 1), (1280, 64, 4), (1279, 64, 2), (800, 20, 8), (799, 20, 4)]
)
def test_scales(side, wanted, scale):
    body = encoded(like_a_photograph(side, side), quality=90)
    header = read_header(body)
    assert decode_for(body, header, DownloadSettings(image_size=wanted)).scale == scale
    assert decode_for(body, header, DownloadSettings(image_size=wanted, exact_pixels=True)).scale == 1


@pytest.mark.parametrize("side", [448, 511, 512])
def test_detail_within_cells_is_not_lost(side):
    """Means of 2x2 pixels say too little of what lies within, where each pixel is another."""
    noise = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    body = encoded(Image.fromarray(noise), quality=95, subsampling=0)
    assert decode_for(body, read_header(body), DownloadSettings(image_size=64)).scale == 1
    assert psnr(stored(body, "keep_ratio", "jpg"), by_img2dataset(body, "keep_ratio", "jpg")) >= 38


@pytest.mark.parametrize("side", ["all", "top", "left", "bottom", "right"])
def test_where_a_frame_ends_is_not_lost(side):
    """Its edge lies within cells of a half's scale, and by a thumbnail pixel's border."""
    image = np.full((444, 444, 3), 255, np.uint8)
    part = {"top": np.s_[:7], "left": np.s_[:, :7], "bottom": np.s_[-7:], "right": np.s_[:, -7:]}
    for name in part if side == "all" else [side]:
        image[part[name]] = 0
    body = encoded(Image.fromarray(image), quality=95)
    assert decode_for(body, read_header(body), DownloadSettings(image_size=64)).scale == 1
    assert psnr(stored(body, "keep_ratio", "jpg"), by_img2dataset(body, "keep_ratio", "jpg")) >= 38


@pytest.mark.parametrize("mode", MODES)
def test_the_very_pixels_where_asked_for(mode):
    body = BODIES["large jpg, decoded at a half"]
    assert np.array_equal(stored(body, mode, "png", exact_pixels=True), by_img2dataset(body, mode, "png"))
    if mode != "no":
        assert not np.array_equal(stored(body, mode, "png"), by_img2dataset(body, mode, "png"))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(640, 480), (641, 487)])
def test_turned_upright_at_any_scale(orientation, size):
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = encoded(like_a_photograph(*size), quality=90, exif=exif)
    found = stored(body, "keep_ratio", "png")
    assert psnr(found, stored(body, "keep_ratio", "png", exact_pixels=True)) >= 38


def test_turned_by_a_setting_only():
    exif = Image.Exif()
    exif[0x0112] = 6
    body = encoded(like_a_photograph(640, 480), quality=90, exif=exif)
    assert stored(body, "no", "png").shape == (640, 480, 3)
    as_coded = stored(body, "no", "png", auto_orient=False)
    upright = Image.fromarray(stored(body, "no", "png").astype(np.uint8))
    assert np.array_equal(as_coded, np.asarray(upright.rotate(90, expand=True)).astype(float))


def test_hashes_are_the_same_at_any_scale():
    body = BODIES["larger jpg, decoded at a quarter"]
    exact, quick = (
        process_image(body, DownloadSettings(image_size=SIDE, exact_pixels=exact)) for exact in (True, False)
    )
    assert (exact.sha256, exact.original_width, exact.original_height) == (
        quick.sha256, quick.original_width, quick.original_height,
    )  # fmt: skip
    bits = np.unpackbits(np.frombuffer(exact.phash, np.uint8) ^ np.frombuffer(quick.phash, np.uint8)).sum()
    assert bits <= 8
