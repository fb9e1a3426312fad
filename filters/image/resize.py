"""Resizing and encoding with img2dataset's meaning of every option.

Source: img2dataset 1.47, `resizer.py`, and the albumentations 1.x transforms that it calls.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from babelsift.filters.image.decoding.decode import DecodedImage
from babelsift.filters.image.failure import ImageFailureError
from babelsift.filters.image.shrink import fine_detail, frame_step, shrink_by_area
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings

_UPSCALE, _DOWNSCALE = cv2.INTER_LANCZOS4, cv2.INTER_AREA
_QUALITY_FLAGS = {
    "jpg": cv2.IMWRITE_JPEG_QUALITY,
    "png": cv2.IMWRITE_PNG_COMPRESSION,
    "webp": cv2.IMWRITE_WEBP_QUALITY,
}

# A JPEG is decoded at a half, a quarter or an eighth where so many times what is wanted is left a side. By measurement
# on 200 photographs, as sharp as their pixels allow, what is stored then stays within 38 dB of what the full image
# gives; where less than `_LEFT_IN_DETAIL` is left, without much detail between one pixel and the next only.
_LEFT_TO_SHRINK = {8: 5, 4: 5, 2: 3}
_LEFT_IN_DETAIL, _MOST_DETAIL, _MOST_DETAIL_THEN = 4, 2500.0, 8000.0
_HARDEST_FRAME = 7000.0  # of 15 800 one took a thumbnail of 57 px to 35 dB

_MAX_SIDES = {"jpg": 65_500, "png": 2**31 - 1, "webp": 16_383}


def is_resized(width: int, height: int, settings: DownloadSettings) -> bool:
    """Whether the settings change an image of this size (px)."""
    if settings.resize_mode == "no":
        return False
    return not settings.resize_only_if_bigger or _deciding_side(width, height, settings) > settings.image_size


def decoding_scale(width: int, height: int, settings: DownloadSettings) -> int:
    """Returns of how many pixels a side, 1, 2, 4 or 8, the mean may be taken while an image of this size is decoded."""
    if settings.exact_pixels or not is_resized(width, height, settings):
        return 1
    shrunk = _deciding_side(width, height, settings) / settings.image_size
    return next((scale for scale, left in _LEFT_TO_SHRINK.items() if shrunk >= scale * left), 1)


def is_fine_enough(decoded: DecodedImage, settings: DownloadSettings) -> bool:
    """Whether an image that was decoded at a part of its scale gives what the full one would."""
    if decoded.scale == 1:
        return True
    left = _deciding_side(decoded.width, decoded.height, settings) / settings.image_size / decoded.scale
    most_detail = _MOST_DETAIL if left < _LEFT_IN_DETAIL else _MOST_DETAIL_THEN
    return fine_detail(decoded.pixels) <= most_detail and frame_step(decoded.pixels) <= _HARDEST_FRAME


def resize_image(
    decoded: DecodedImage, settings: DownloadSettings, blur: Callable[[np.ndarray], np.ndarray] | None = None
) -> np.ndarray:
    """Returns the image resized as the settings say; the image itself where they change nothing.

    `blur` is given the resized image, before it is cropped or padded, since its boxes are fractions of the whole.

    Modes: `keep_ratio` brings the shorter side to image_size, `center_crop` then cuts out the middle square;
    `keep_ratio_largest` brings the longer side to image_size, `border` then pads to a square with white.
    """
    image, width, height = decoded.pixels, decoded.width, decoded.height
    if not is_resized(width, height, settings):
        return blur(image) if blur else image
    side = _deciding_side(width, height, settings)
    scale = settings.image_size / side
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrinks = side > settings.image_size
    if decoded.scale > 1 or (shrinks and not settings.exact_pixels):
        image = shrink_by_area(image, size, full_size=(width, height), scale=decoded.scale)
    elif size != (width, height):
        image = cv2.resize(image, size, interpolation=_DOWNSCALE if shrinks else _UPSCALE)
    image = blur(image) if blur else image
    if settings.resize_mode == "center_crop":
        return _center_crop(image, settings.image_size)
    if settings.resize_mode == "border":
        return _pad(image, settings.image_size)
    return image


def encode_image(image: np.ndarray, settings: DownloadSettings) -> bytes:
    """Returns the image (uint8, BGR) as a file of `encode_format`.

    Raises:
        ImageFailureError: IMAGE_UNDECODABLE where the format cannot hold so many pixels a side.
    """
    flags = [_QUALITY_FLAGS[settings.encode_format], settings.encode_quality]
    height, width = image.shape[:2]
    if max(width, height) > _MAX_SIDES[settings.encode_format]:
        detail = f"{width}x{height} px do not fit into {settings.encode_format}"
        raise ImageFailureError(RejectReason.IMAGE_UNDECODABLE, detail)
    return cv2.imencode(f".{settings.encode_format}", image, flags)[1].tobytes()


def _deciding_side(width: int, height: int, settings: DownloadSettings) -> int:
    longest = settings.resize_mode in ("border", "keep_ratio_largest")
    return max(width, height) if longest else min(width, height)


def _center_crop(image: np.ndarray, side: int) -> np.ndarray:
    height, width = image.shape[:2]
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def _pad(image: np.ndarray, side: int) -> np.ndarray:
    height, width = image.shape[:2]
    top, left = (side - height) // 2, (side - width) // 2
    white = (255, 255, 255)
    return cv2.copyMakeBorder(
        image, top, side - height - top, left, side - width - left, cv2.BORDER_CONSTANT, value=white
    )
