"""From bytes as served to bytes as stored: sniffed, measured, decoded, resized, encoded and hashed.

The work is done in OpenCV, numpy and hashlib calls that let go of the GIL: call it from a pool of threads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial

from babelsift.filters.image.blur import Box
from babelsift.filters.image.container import ImageFile, ImageHeader, MetadataBlocks, open_image
from babelsift.filters.image.decoding.complete import decode_complete
from babelsift.filters.image.decoding.decode import (
    LARGE_IMAGES,
    DecodedImage,
    can_be_decoded_smaller,
    decode_image,
    is_large,
)
from babelsift.filters.image.exif import exif_json, software_in
from babelsift.filters.image.facts import PixelFacts, facts_of
from babelsift.filters.image.failure import ImageFailureError
from babelsift.filters.image.hashing.luminance import grey_of
from babelsift.filters.image.hashing.pdq import pdq_hash
from babelsift.filters.image.hide_faces import FacesFound, HidePeople
from babelsift.filters.image.resize import decoding_scale, encode_image, is_fine_enough, is_resized, resize_image
from babelsift.filters.opt_outs import c2pa_training_opt_out, prohibited_data_mining
from babelsift.filters.provenance import ImageProvenance, provenance_of
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings

_MIN_PDQ_SIDE = 128  # px; of fewer PDQ's hash is another than that of the image as served


@dataclass(frozen=True)
class ProcessedImage(PixelFacts):
    """An image ready to be stored, with what its pixels as served tell.

    Attributes:
        data: the file to store.
        extension: its format: jpg, png or webp.
        width: px, of `data`.
        height: px, of `data`.
        original_width: px, as served, upright.
        original_height: px, as served, upright.
        original_bytes: of the file as served.
        sha256: of the bytes as served, in hex.
        exif: JSON, None where there is none.
        metadata: the blocks of metadata as served.
        provenance: what they say of how the image came to be; nothing where the settings do not ask.
        faces: those that were found; nothing where the settings do not ask.
        pdq: PDQ hash of the pixels as decoded, 32 bytes; None where no hash lists ask for it.
        pdq_quality: 0 to 100; None as above.
    """

    data: bytes
    extension: str
    width: int
    height: int
    original_width: int
    original_height: int
    original_bytes: int
    sha256: str
    exif: str | None
    metadata: MetadataBlocks
    provenance: ImageProvenance = field(default_factory=ImageProvenance)
    faces: FacesFound = field(default_factory=FacesFound)
    pdq: bytes | None = None
    pdq_quality: int | None = None


@dataclass(frozen=True)
class ImageFailure:
    """Why bytes from the web are not stored as an image; `detail` is what was found, in one short line."""

    reason: RejectReason
    detail: str


def process_image(
    body: bytes,
    settings: DownloadSettings,
    boxes: Sequence[Box] = (),
    *,
    has_complained: Callable[[], bool] | None = None,
    large_images: AbstractContextManager[object] = LARGE_IMAGES,
) -> ProcessedImage | ImageFailure:
    """Returns the image to store, or the reason why there is none; raises for no input.

    Args:
        body: a file as served, its length bounded by the caller.
        settings: what is to be stored, and which images are not.
        boxes: to be blurred, in fractions of the sides.
        has_complained: whether a decoder has written a warning since this was last called; where nobody hears that, a
            JPEG takes longer, see `decode_complete`.
        large_images: held while a large image's pixels are in memory; two at a time in a process if nothing is said.

    Returns:
        The image, or why there is none.
    """
    try:
        file = open_image(body)
        _hear_opt_outs(file, settings)
        if not settings.auto_orient:
            file = replace(file, header=replace(file.header, orientation=1))
        _check_size(file.header, settings)
        with large_images if is_large(file.header) else nullcontext():
            decoded = decode_complete(
                file,
                partial(decode_for, header=file.header, settings=settings),
                max_missing_rows=settings.max_missing_rows,
                has_complained=has_complained,
            )
            return _processed(body, file, decoded, settings, boxes)
    except ImageFailureError as failure:
        return ImageFailure(failure.reason, failure.detail)


def decode_for(body: bytes, header: ImageHeader, settings: DownloadSettings) -> DecodedImage:
    """Returns the image decoded at the scale that the settings leave enough of; see `decode_image`."""
    scale = decoding_scale(header.width, header.height, settings)
    while settings.hash_lists and scale > 1 and min(header.width, header.height) < scale * _MIN_PDQ_SIDE:
        scale //= 2
    decoded = decode_image(body, header, scale=scale if can_be_decoded_smaller(header, scale) else 1)
    return decoded if is_fine_enough(decoded, settings) else decode_image(body, header)


def _hear_opt_outs(file: ImageFile, settings: DownloadSettings) -> None:
    if settings.opt_outs.data_mining and (term := prohibited_data_mining(file.metadata.xmp)):
        raise ImageFailureError(RejectReason.DATA_MINING_PROHIBITED, term)
    if settings.opt_outs.c2pa_training and (use := c2pa_training_opt_out(file.metadata.c2pa)):
        raise ImageFailureError(RejectReason.C2PA_TRAINING_OPT_OUT, use)


def _provenance(file: ImageFile) -> ImageProvenance:
    return provenance_of(file.metadata, software_in(file.metadata.exif))


def _check_size(header: ImageHeader, settings: DownloadSettings) -> None:
    short, long = sorted((header.width, header.height))
    size = f"{header.width}x{header.height} px"
    if short * long > settings.max_source_pixels:
        raise ImageFailureError(RejectReason.TOO_MANY_PIXELS, size)
    if short < settings.min_image_size:
        raise ImageFailureError(RejectReason.IMAGE_TOO_SMALL, size)
    if settings.max_image_area is not None and short * long > settings.max_image_area:
        raise ImageFailureError(RejectReason.IMAGE_AREA_TOO_LARGE, size)
    if settings.max_aspect_ratio is not None and long / short > settings.max_aspect_ratio:
        raise ImageFailureError(RejectReason.ASPECT_RATIO_TOO_LARGE, size)


def _processed(
    body: bytes, file: ImageFile, decoded: DecodedImage, settings: DownloadSettings, boxes: Sequence[Box]
) -> ProcessedImage:
    header = file.header
    original_width, original_height = decoded.width, decoded.height
    hide_people = HidePeople(boxes, settings.faces)
    stored = resize_image(decoded, settings, hide_people if hide_people.does_anything else None)
    height, width = stored.shape[:2]
    faces = hide_people.found_in(width, height)
    keeps_file = (
        settings.skip_reencode
        and header.format == settings.encode_format
        and not is_resized(original_width, original_height, settings)
        and decoded.as_stored
        and not hide_people.has_blurred
    )
    facts = facts_of(decoded.pixels)  # at once after resizing, which has just read them
    pdq, pdq_quality = pdq_hash(grey_of(decoded.pixels)) if settings.hash_lists else (None, None)
    return ProcessedImage(
        data=body if keeps_file else encode_image(stored, settings),
        extension=settings.encode_format,
        width=width,
        height=height,
        original_width=original_width,
        original_height=original_height,
        original_bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        exif=exif_json(header.exif) if settings.extract_exif else None,
        metadata=file.metadata,
        provenance=_provenance(file) if settings.extract_provenance else ImageProvenance(),
        faces=faces,
        pdq=pdq,
        pdq_quality=pdq_quality,
        **facts.columns(),
    )
