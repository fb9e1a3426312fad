"""The copies of a photograph that are found on the web, as functions from an image to an image (uint8, BGR)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

Copy = Callable[[np.ndarray], np.ndarray]


def _recompressed(image: np.ndarray, *, extension: str, flag: int, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(extension, image, [flag, quality])[1], cv2.IMREAD_COLOR)


def _resized(image: np.ndarray, *, scale: float) -> np.ndarray:
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)


def _cropped(image: np.ndarray, *, top: float = 0, bottom: float = 0, left: float = 0, right: float = 0) -> np.ndarray:
    height, width = image.shape[:2]
    rows = slice(round(top * height), height - round(bottom * height))
    return np.ascontiguousarray(image[rows, round(left * width) : width - round(right * width)])


def _brighter(image: np.ndarray, *, by: float) -> np.ndarray:
    return cv2.convertScaleAbs(image, alpha=by)


def _contrasted(image: np.ndarray, *, by: float) -> np.ndarray:
    mean = image.mean()
    return np.clip((image - mean) * by + mean, 0, 255).astype(np.uint8)


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def _watermarked(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    marked, scale = image.copy(), width / 500
    place = (int(width * 0.55), int(height * 0.96))
    thickness = max(1, round(2 * scale))
    cv2.putText(
        marked, "(c) example.com", place, cv2.FONT_HERSHEY_SIMPLEX, 0.9 * scale, (255,) * 3, thickness, cv2.LINE_AA
    )
    return marked


def _framed(image: np.ndarray, *, share: float, colour: int) -> np.ndarray:
    width = max(1, round(share * min(image.shape[:2])))
    return cv2.copyMakeBorder(image, width, width, width, width, cv2.BORDER_CONSTANT, value=(colour,) * 3)


_jpeg = partial(_recompressed, extension=".jpg", flag=cv2.IMWRITE_JPEG_QUALITY)
_around = dict.fromkeys(("top", "bottom", "left", "right"), 0.025)
COPIES: dict[str, Copy] = {
    "resize_50": partial(_resized, scale=0.5),
    "resize_200": partial(_resized, scale=2.0),
    "jpeg_30": partial(_jpeg, quality=30),
    "jpeg_60": partial(_jpeg, quality=60),
    "jpeg_90": partial(_jpeg, quality=90),
    "webp": partial(_recompressed, extension=".webp", flag=cv2.IMWRITE_WEBP_QUALITY, quality=75),
    "crop_5_centre": partial(_cropped, **_around),
    "crop_5_each_side": partial(_cropped, **dict.fromkeys(_around, 0.05)),
    "crop_5_left": partial(_cropped, left=0.05),
    "crop_5_corner": partial(_cropped, bottom=0.05, right=0.05),
    "crop_5_off_grid": partial(_cropped, left=0.015, right=0.035, top=0.03, bottom=0.02),
    "brightness_120": partial(_brighter, by=1.2),
    "brightness_80": partial(_brighter, by=0.8),
    "contrast_120": partial(_contrasted, by=1.2),
    "contrast_80": partial(_contrasted, by=0.8),
    "grey": _grey,
    "watermark": _watermarked,
    "border_2_black": partial(_framed, share=0.02, colour=0),
    "border_3_white": partial(_framed, share=0.03, colour=255),
    "border_5_black": partial(_framed, share=0.05, colour=0),
}
_NEARLY_ALL = ("resize", "jpeg", "webp", "crop")


def goal_of(name: str) -> float:
    """Returns the share of such copies that is to be found."""
    return 0.99 if name.startswith(_NEARLY_ALL) else 0.9
