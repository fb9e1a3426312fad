"""Which JPEGs are looked at again although libjpeg says nothing of them."""

from __future__ import annotations

import itertools

import pytest
from PIL import Image

from babelsift.filters.image.jpeg import is_suspicious
from tests.support.hostile_web import encoded, photo
from tests.support.image_files import jpeg_data_start

PICTURE = photo(1, (320, 240))
BASELINE, PROGRESSIVE = encoded(PICTURE, quality=95), encoded(PICTURE, quality=95, progressive=True)


@pytest.mark.parametrize("body", [BASELINE, PROGRESSIVE, encoded(PICTURE.convert("L")), BASELINE + b"trailing"])
def test_whole_files_are_not(body):
    assert not is_suspicious(body)


@pytest.mark.parametrize("body", [BASELINE, PROGRESSIVE])
def test_files_without_an_end_are(body):
    assert is_suspicious(body[:-2])


def test_files_that_are_no_jpegs_are():
    assert is_suspicious(b"\xff\xd8\xff\xd9")
    assert is_suspicious(b"\xff\xd8" + BASELINE[jpeg_data_start(BASELINE) - 14 :])
    assert is_suspicious(PROGRESSIVE.replace(b"\xff\xc2\0\x11\x08", b"\xff\xc2\0\x11\x0c"))


@pytest.mark.parametrize("offset", range(8))
@pytest.mark.parametrize("length", [64, 80, 1000])
def test_files_with_a_run_of_zeros_are(offset, length):
    at = jpeg_data_start(BASELINE) + 1000 + offset
    assert is_suspicious(BASELINE[:at] + bytes(length) + BASELINE[at + length :])


def test_files_with_few_zeros_are_not():
    at = jpeg_data_start(BASELINE) + 1000
    assert not is_suspicious(BASELINE[:at] + bytes(40) + BASELINE[at + 40 :])


def test_progressive_files_without_a_scan_are():
    scans = [at for at in range(len(PROGRESSIVE)) if PROGRESSIVE.startswith(b"\xff\xda", at)]
    for first, last in itertools.pairwise(scans):
        tables = PROGRESSIVE.find(b"\xff\xc4", first, last)
        assert is_suspicious(PROGRESSIVE[:first] + PROGRESSIVE[max(tables, first + 1) : last] + PROGRESSIVE[last:])


def test_small_images():
    assert not is_suspicious(encoded(Image.new("RGB", (1, 1))))
