"""JPEGs that end early, promise too much or have a hole are undecodable, as they are in the other formats."""

from __future__ import annotations

import pytest

from babelsift.filters.image import ImageFailure, ProcessedImage, measure_image, process_image
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings
from tests.support.damaged_jpegs import BASELINE, DAMAGED, END, NEARLY_WHOLE, PICTURE, PROGRESSIVE, RESTARTS
from tests.support.hostile_web import encoded
from tests.support.image_files import jpeg_data_start


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
