"""Decoding untrusted image bytes to upright 8-bit BGR."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np

from babelsift.filters.image.container import ImageHeader
from babelsift.filters.image.failure import ImageFailureError
from babelsift.schemas import RejectReason

# Images over this many pixels are in memory two at a time in a process, which bounds what a pool of decoders takes.
_LARGE_PIXELS = 16_000_000
LARGE_IMAGES = threading.BoundedSemaphore(2)
_STRIP_PIXELS = 1_000_000
_TURNED = frozenset({5, 6, 7, 8})  # orientations with width and height exchanged
_FLAGS = {
    1: cv2.IMREAD_UNCHANGED,
    2: cv2.IMREAD_REDUCED_COLOR_2 | cv2.IMREAD_IGNORE_ORIENTATION,
    4: cv2.IMREAD_REDUCED_COLOR_4 | cv2.IMREAD_IGNORE_ORIENTATION,
    8: cv2.IMREAD_REDUCED_COLOR_8 | cv2.IMREAD_IGNORE_ORIENTATION,
}


@dataclass(frozen=True)
class DecodedImage:
    """An image's pixels.

    Attributes:
        pixels: uint8[ceil(height / scale), ceil(width / scale), 3], BGR, upright.
        width: px, of the full image, upright.
        height: px, of the full image, upright.
        scale: 1, or 2, 4 or 8 where a JPEG was decoded at a part of it.
        as_stored: whether the file's pixels were so from the start.
    """

    pixels: np.ndarray
    width: int
    height: int
    scale: int
    as_stored: bool


def is_large(header: ImageHeader) -> bool:
    """Whether an image has so many pixels that few such should be in memory at once."""
    return header.width * header.height > _LARGE_PIXELS


def can_be_decoded_smaller(header: ImageHeader, scale: int) -> bool:
    """Whether `decode_image` takes this scale for an image: JPEGs of colour or grey.

    A last cell that lies partly over the edge would be the first one when the image is turned, so there must be none.
    """
    fits = header.orientation == 1 or (header.width % scale == 0 and header.height % scale == 0)
    return scale == 1 or (header.format == "jpg" and header.components in (1, 3) and fits)


def decode_image(body: bytes, header: ImageHeader, *, scale: int = 1) -> DecodedImage:
    """Returns the image as 8-bit BGR, turned upright, transparency on white.

    Of an animation the first frame is taken. 16-bit samples are scaled to 8, grey becomes three channels.

    Args:
        body: the file's bytes.
        header: of the same bytes, checked against the limit on pixels.
        scale: 1, 2, 4 or 8: of how many pixels a side the mean is to be taken for one; JPEGs are decoded faster so.

    Raises:
        ImageFailureError: IMAGE_UNDECODABLE.
    """
    image = _imdecode(body, header, _FLAGS[scale])
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
    image = _upright(image, header.orientation)
    height, width = image.shape[:2]
    if scale > 1:
        width, height = header.width, header.height
        if header.orientation in _TURNED:
            width, height = height, width
        if image.shape[:2] != (-(-height // scale), -(-width // scale)):
            raise ImageFailureError(RejectReason.IMAGE_UNDECODABLE, f"{header.format} of another size than it says")
    return DecodedImage(image, width, height, scale, as_stored)


def _imdecode(body: bytes, header: ImageHeader, flags: int) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(body, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:  # which says nothing of the image: its pixels are within bounds
            raise MemoryError from error
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
