"""Decoding an image only where its data are complete, as far as its decoder does not see to that itself.

Decoders of PNG, WebP, GIF, BMP and AVIF refuse a file that is cut or has a hole. libjpeg fills what lacks with grey.
"""

from __future__ import annotations

from collections.abc import Callable

from babelsift.filters.image.container import ImageFile
from babelsift.filters.image.decoding.decode import DecodedImage
from babelsift.filters.image.failure import ImageFailureError
from babelsift.filters.image.jpeg import END_OF_IMAGE, count_rows, is_suspicious
from babelsift.schemas import RejectReason


def decode_complete(
    file: ImageFile,
    decode: Callable[[bytes], DecodedImage],
    *,
    max_missing_rows: float,
    has_complained: Callable[[], bool] | None = None,
) -> DecodedImage:
    """Returns what `decode` makes of an image whose data are complete.

    A JPEG's data are read twice, by `count_rows` and by the decoder. Where somebody hears whether the decoder
    complains, only those that it complains of are; the outcome is the same.

    Args:
        file: the image.
        decode: decodes a file's bytes.
        max_missing_rows: share of the rows of a JPEG; see `DownloadSettings`.
        has_complained: whether a decoder has written a warning since this was last called; None: nobody knows.

    Raises:
        ImageFailureError: IMAGE_UNDECODABLE.
    """
    if file.header.format != "jpg":
        return decode(file.pixels)
    if has_complained is None or is_suspicious(file.pixels):
        return decode(_with_enough_rows(file.pixels, max_missing_rows))
    has_complained()  # of images before this one
    try:
        decoded = decode(file.pixels)
    except ImageFailureError:
        ended = _with_enough_rows(file.pixels, max_missing_rows)
        if ended is file.pixels:
            raise
        return decode(ended)
    if has_complained():
        _with_enough_rows(file.pixels, max_missing_rows)
    return decoded


def _with_enough_rows(jpeg: bytes, max_missing_rows: float) -> bytes:
    """A JPEG, with the marker that ends an image added where it lacks: without it libjpeg gives up at the last rows."""
    rows = count_rows(jpeg)
    if rows is None:
        return jpeg
    if rows.missing and rows.missing >= max_missing_rows:
        share = f"{rows.missing:.0%}" if rows.missing >= 0.01 else "less than 1%"
        raise ImageFailureError(RejectReason.IMAGE_UNDECODABLE, f"jpg with {share} of its rows missing or damaged")
    return jpeg if rows.has_end else jpeg + END_OF_IMAGE
