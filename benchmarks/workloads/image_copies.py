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


def _written_upon(image: np.ndarray) -> np.ndarray:
    """White capitals with a black edge at the top and at the bottom."""
    height, width = image.shape[:2]
    marked, scale = image.copy(), width / 500
    font = cv2.FONT_HERSHEY_DUPLEX
    for text, place in (("WHEN YOU SEE IT", 0.14), ("BOTTOM TEXT", 0.95)):
        for colour, strokes in ((0, 8), (255, 4)):
            thickness = max(1, round(strokes * scale))
            left = (width - cv2.getTextSize(text, font, 1.7 * scale, thickness)[0][0]) // 2
            start = (left, int(height * place))
            cv2.putText(marked, text, start, font, 1.7 * scale, (colour,) * 3, thickness, cv2.LINE_AA)
    return marked


def _watermarked_all_over(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    marked, scale = image.copy(), width / 500
    for line, top in enumerate(range(height // 12, height, max(1, height // 7))):
        for left in range(-(line % 2) * width // 5, width, max(1, 2 * width // 5)):
            thickness = max(1, round(2 * scale))
            cv2.putText(
                marked, "example", (left, top), cv2.FONT_HERSHEY_SIMPLEX, scale, (255,) * 3, thickness, cv2.LINE_AA
            )
    return cv2.addWeighted(marked, 0.7, image, 0.3, 0)


def _turned(image: np.ndarray, *, degrees: float, border: int) -> np.ndarray:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=border)


def _rotated(image: np.ndarray, *, quarters: int) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(image, quarters))


def _mirrored(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[:, ::-1])


def _mirrored_thumbnail(image: np.ndarray) -> np.ndarray:
    return _jpeg(_resized(_mirrored(image), scale=0.5), quality=75)


def _padded(image: np.ndarray, *, colour: int) -> np.ndarray:
    """Made square, and compressed."""
    height, width = image.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    edges = top, side - height - top, left, side - width - left
    return _jpeg(cv2.copyMakeBorder(image, *edges, cv2.BORDER_CONSTANT, value=(colour,) * 3), quality=85)


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
    "mirrored": _mirrored,
    "mirrored_thumbnail": _mirrored_thumbnail,
    "rotated_90": partial(_rotated, quarters=1),
    "rotated_180": partial(_rotated, quarters=2),
    "rotated_270": partial(_rotated, quarters=3),
    "turned_3_filled": partial(_turned, degrees=3, border=cv2.BORDER_REFLECT),
    "turned_3_back_black": partial(_turned, degrees=-3, border=cv2.BORDER_CONSTANT),
    "turned_2_filled": partial(_turned, degrees=2, border=cv2.BORDER_REFLECT),
    "text": _written_upon,
    "watermark_all_over": _watermarked_all_over,
    "one_side_10_left": partial(_cropped, left=0.1),
    "one_side_10_bottom": partial(_cropped, bottom=0.1),
    "one_side_8_right": partial(_cropped, right=0.08),
    "border_10_white": partial(_framed, share=0.1, colour=255),
    "border_10_black": partial(_framed, share=0.1, colour=0),
    "square_white": partial(_padded, colour=255),
    "square_black": partial(_padded, colour=0),
}
_NEARLY_ALL = ("resize", "jpeg", "webp", "crop")
_LESS = {"mirrored": 0.95, "rotated": 0.95, "text": 0.8, "one_side": 0.8}


def goal_of(name: str) -> float:
    """Returns the share of such copies that is to be found."""
    return 0.99 if name.startswith(_NEARLY_ALL) else next((_LESS[kind] for kind in _LESS if name.startswith(kind)), 0.9)
