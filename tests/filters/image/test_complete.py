"""JPEGs that end early, promise too much or have a hole are undecodable, as they are in the other formats."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from babelsift.filters.image import ImageFailure, ProcessedImage, measure_image, process_image
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import encoded, photo
from tests.support.image_files import jpeg_data_start, jpeg_of_height

END = b"\xff\xd9"
NOISE = np.random.default_rng(1).normal(0, 9, (480, 640, 3))
PICTURE = Image.fromarray((np.asarray(photo(1, (640, 480))) + NOISE).clip(0, 255).astype(np.uint8))
BASELINE, PROGRESSIVE = encoded(PICTURE, quality=85), encoded(PICTURE, quality=85, progressive=True)
RESTARTS = encoded(PICTURE, quality=85, restart_marker_rows=1)


def cut(body: bytes, share: float) -> bytes:
    start = jpeg_data_start(body)
    return body[: start + int((len(body) - start) * share)].rstrip(b"\xff")


def hole(body: bytes, *, first: float, share: float) -> bytes:
    start = jpeg_data_start(body)
    first, length = start + int((len(body) - start) * first), int((len(body) - start) * share)
    return body[:first] + bytes(length) + body[first + length :]


DAMAGED = {
    "a third": cut(BASELINE, 1 / 3) + END,
    "nine tenths": cut(BASELINE, 0.9) + END,
    "nine tenths without an end": cut(BASELINE, 0.9),
    "a third, progressive": cut(PROGRESSIVE, 1 / 3) + END,
    "nine tenths, progressive": cut(PROGRESSIVE, 0.9) + END,
    "all scans but the last": PROGRESSIVE[: PROGRESSIVE.rindex(b"\xff\xc4")] + END,
    "ten times the rows": jpeg_of_height(BASELINE, 4800),
    "ten times the rows, progressive": jpeg_of_height(PROGRESSIVE, 4800),
    "a tenth more rows": jpeg_of_height(BASELINE, 528),
    "a hole": hole(BASELINE, first=0.4, share=0.2),
    "a hole, progressive": hole(PROGRESSIVE, first=0.1, share=0.2),
    "a hole between restarts": hole(RESTARTS, first=0.4, share=0.2),
    "half": BASELINE[: len(BASELINE) // 2] + BASELINE[3 * len(BASELINE) // 4 :],
}


@pytest.mark.parametrize("scaled", [{}, {"resize_mode": "no"}, {"image_size": 32}])
@pytest.mark.parametrize("name", DAMAGED)
def test_damaged(name, scaled):
    failure = process_image(DAMAGED[name], DownloadSettings(**scaled))
    assert isinstance(failure, ImageFailure)
    assert failure.reason is RejectReason.IMAGE_UNDECODABLE
    assert failure.detail.endswith("% of its rows missing or damaged")


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_ones_are_not_measured(name):
    failure = measure_image(DAMAGED[name], max_source_pixels=10_000_000)
    assert isinstance(failure, ImageFailure)
    assert failure.reason is RejectReason.IMAGE_UNDECODABLE


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("complaints", [[True], [False, True], [True, True]])
def test_who_hears_a_decoder_complain_gets_the_same(name, complaints):
    """The first answer is of images before this one."""
    said = iter(complaints)
    heard = process_image(DAMAGED[name], DownloadSettings(), has_complained=lambda: next(said, True))
    assert heard == process_image(DAMAGED[name], DownloadSettings())


def test_who_hears_no_complaint_gets_the_same():
    for body in (BASELINE, PROGRESSIVE, RESTARTS, encoded(PICTURE, "PNG"), encoded(PICTURE, "WEBP")):
        heard = process_image(body, DownloadSettings(), has_complained=lambda: False)
        assert isinstance(heard, ProcessedImage)
        assert heard == process_image(body, DownloadSettings())


NEARLY_WHOLE = {
    "the last rows": cut(BASELINE, 0.96) + END,
    "the last rows and the end": cut(BASELINE, 0.96),
    "the end": BASELINE[:-2],
    "an interval": cut(RESTARTS, 0.98) + END,
    "some of the last scan": PROGRESSIVE[:-40] + END,
}


@pytest.mark.parametrize("name", NEARLY_WHOLE)
def test_less_than_a_sixteenth_may_be_missing(name):
    body = NEARLY_WHOLE[name]
    image = process_image(body, DownloadSettings())
    assert isinstance(image, ProcessedImage)
    assert image == process_image(body, DownloadSettings(), has_complained=lambda: True)
    assert (image.width, image.height, image.original_bytes) == (341, 256, len(body))
    strict = process_image(body, DownloadSettings(max_missing_rows=0))
    assert isinstance(strict, ProcessedImage) == (name == "the end")


def test_more_may_be_missing_where_a_recipe_says_so():
    body = DAMAGED["a third"]
    assert isinstance(process_image(body, DownloadSettings(max_missing_rows=0.7)), ProcessedImage)
    assert isinstance(process_image(body, DownloadSettings(max_missing_rows=0.6)), ImageFailure)
    nothing = BASELINE[: jpeg_data_start(BASELINE)] + END
    assert isinstance(process_image(nothing, DownloadSettings(max_missing_rows=1)), ImageFailure)


def test_as_much_as_the_limit_is_too_much():
    grey = PICTURE.convert("L")  # of 60 rows of blocks
    body = encoded(grey, restart_marker_rows=1)
    at = [at for at in range(len(body) - 1) if body[at] == 0xFF and 0xD0 <= body[at + 1] <= 0xD7]
    without_three = body[: at[-3]] + END
    assert isinstance(process_image(without_three, DownloadSettings(max_missing_rows=0.05)), ImageFailure)
    assert isinstance(process_image(without_three, DownloadSettings(max_missing_rows=0.0501)), ProcessedImage)


@pytest.mark.parametrize("name", ["PNG", "WEBP", "GIF", "AVIF", "BMP"])
def test_other_formats_refuse_what_is_cut(name):
    body = encoded(PICTURE, name)
    for share in (0.33, 0.9, 0.97):
        failure = process_image(body[: int(len(body) * share)], DownloadSettings())
        assert isinstance(failure, ImageFailure)
        assert failure.reason is RejectReason.IMAGE_UNDECODABLE
