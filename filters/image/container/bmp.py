"""BMP: a header, pixels, and nothing beside them but a profile that no decoder here reads."""

from __future__ import annotations

import struct

from babelsift.filters.image.container.image_file import ImageFile, ImageHeader


def open_bmp(body: bytes) -> ImageFile:
    """Returns a BMP and its size."""
    (size,) = struct.unpack_from("<I", body, 14)
    width, height = struct.unpack_from("<HH" if size == 12 else "<ii", body, 18)
    return ImageFile(ImageHeader("bmp", width, abs(height)), body)
