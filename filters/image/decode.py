"""Decoding untrusted image bytes to upright 8-bit BGR."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import cv2
import numpy as np

from filters.image.failure import ImageFailureError
from filters.image.header import ImageHeader
from schemas import RejectReason

# Images over this many pixels are in memory two at a time in a process, which bounds what a pool of decoders takes.
_LARGE_PIXELS = 16_000_000
_LARGE_IMAGES = threading.BoundedSemaphore(2)
_STRIP_PIXELS = 1_000_000


@dataclass(frozen=True)
class DecodedImage:
    """An image's pixels.

    Attributes:
        pixels: uint8[height, width, 3], BGR, upright. as_stored: whether the file's pixels were so from the start.
    """

    pixels: np.ndarray
    as_stored: bool


def memory_slot(header: ImageHeader) -> AbstractContextManager[object]:
    """Returns what is to be held while an image's pixels are in memory; it waits where the image is a large one."""
    return _LARGE_IMAGES if header.width * header.height > _LARGE_PIXELS else nullcontext()


def decode_image(body: bytes, header: ImageHeader) -> DecodedImage:
    """Returns the image as 8-bit BGR, turned upright, transparency on white.

    Of an animation the first frame is taken. 16-bit samples are scaled to 8, grey becomes three channels.

    Args: header: of the same bytes, checked against the limit on pixels.
    Raises: ImageFailureError: IMAGE_UNDECODABLE.
    """
    image = _imdecode(body, header)
    channels = 1 if image.ndim == 2 else image.shape[2]
    as_stored = image.dtype == np.uint8 and channels in (1, 3) and header.orientation == 1 and header.components != 4
    if image.dtype == np.uint16:
        image = cv2.convertScaleAbs(image, alpha=1 / 257)
    if image.dtype != np.uint8:
        raise ImageFailureError(RejectReason.IMAGE_UNDECODABLE, f"{header.format} of {image.dtype} samples")
    if channels == 1:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    elif channels == 4:
        image = _on_white(image)
    elif channels != 3:
        raise ImageFailureError(RejectReason.IMAGE_UNDECODABLE, f"{header.format} of {channels} channels")
    return DecodedImage(_upright(image, header.orientation), as_stored)


def _imdecode(body: bytes, header: ImageHeader) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        text = " ".join(str(error.err or error).split())[:100]
        raise ImageFailureError(RejectReason.IMAGE_UNDECODABLE, f"{header.format}: {text}") from error
    if image is None:
        raise ImageFailureError(RejectReason.IMAGE_UNDECODABLE, f"broken {header.format}")
    return image


def _on_white(image: np.ndarray) -> np.ndarray:
    """Blends as img2dataset does, rounded to nearest, in strips: a float copy of a large image is larger still."""
    height, width = image.shape[:2]
    blended = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = image[top : top + rows]
        if strip[:, :, 3].min() == 255:  # most images that could be transparent are not
            blended[top : top + rows] = strip[:, :, :3]
            continue
        alpha = strip[:, :, 3:].astype(np.uint16)
        blended[top : top + rows] = (strip[:, :, :3] * alpha + 127) // 255 + (255 - alpha)
    return blended


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    if orientation == 1:
        return image
    if orientation == 2:
        return cv2.flip(image, 1)
    if orientation == 3:
        return cv2.rotate(image, cv2.ROTATE_180)
    if orientation == 4:
        return cv2.flip(image, 0)
    if orientation == 5:
        return cv2.transpose(image)
    if orientation == 6:
        return cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE)
    if orientation == 7:
        return cv2.flip(cv2.transpose(image), -1)
    return cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE)
