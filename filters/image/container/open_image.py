"""Taking an image file apart before any decoder sees it.

Decoders allocate what a header asks for and inflate what a chunk holds, so none is called before the file was read
here. Every container is walked by its own structure, in a bounded number of steps.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from babelsift.filters.image.container.avif import open_avif
from babelsift.filters.image.container.bmp import open_bmp
from babelsift.filters.image.container.gif import open_gif
from babelsift.filters.image.container.image_file import ImageFile, ImageHeader, broken
from babelsift.filters.image.container.jpeg import open_jpeg
from babelsift.filters.image.container.png import open_png
from babelsift.filters.image.container.webp import open_webp
from babelsift.filters.image.sniff import sniff_format

_OPENERS: dict[str, Callable[[bytes], ImageFile]] = {
    "jpg": open_jpeg,
    "png": open_png,
    "webp": open_webp,
    "gif": open_gif,
    "bmp": open_bmp,
    "avif": open_avif,
}


def open_image(body: bytes) -> ImageFile:
    """Returns an image file taken apart: its header, what a decoder may see of it, its metadata.

    Args:
        body: a file as served, its length bounded by the caller.

    Returns:
        The header, the bytes that shape the first frame's pixels, the blocks of metadata.

    Raises:
        ImageFailureError: NOT_AN_IMAGE, IMAGE_FORMAT_NOT_ALLOWED, or IMAGE_UNDECODABLE for a broken container or one
            of more parts than files have.
    """
    name = sniff_format(body)
    try:
        file = _OPENERS[name](body)
    except (struct.error, IndexError) as error:
        raise broken(f"{name} header is cut short") from error
    if file.header.width <= 0 or file.header.height <= 0:
        raise broken(f"{name} of {file.header.width}x{file.header.height} px")
    return file


def read_header(body: bytes) -> ImageHeader:
    """Returns the header of an image file; see `open_image`.

    Args:
        body: the bytes of the file.
    """
    return open_image(body).header
