"""How many of its rows a JPEG lacks, held to what was taken away from it."""

from __future__ import annotations

import io
import random

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from babelsift.filters.image.jpeg import JpegRows, count_rows, is_suspicious
from tests.support.hostile_web import encoded, photo
from tests.support.image_files import jpeg_data_start, jpeg_of_height, jpeg_segment, jpeg_with

WHOLE = JpegRows(missing=0.0, has_end=True)
END = b"\xff\xd9"


def noisy(seed: int = 0, size: tuple[int, int] = (320, 256), noise: float = 8.0) -> Image.Image:
    """A picture with as much detail everywhere as a photograph has."""
    pixels = np.asarray(photo(seed, size)) + np.random.default_rng(seed).normal(0, noise, (size[1], size[0], 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


PICTURE = noisy()
ENCODINGS = {
    "baseline": encoded(PICTURE, quality=90),
    "optimized": encoded(PICTURE, quality=75, optimize=True),
    "4:4:4": encoded(PICTURE, quality=75, subsampling=0),
    "4:2:2": encoded(PICTURE, quality=75, subsampling=1),
    "coarse": encoded(PICTURE, quality=5),
    "finest": encoded(PICTURE, quality=100, subsampling=0),
    "grey": encoded(PICTURE.convert("L"), quality=85),
    "cmyk": encoded(PICTURE.convert("CMYK"), quality=85),
    "restarts": encoded(PICTURE, quality=85, restart_marker_blocks=7),
    "a restart each block": encoded(PICTURE, quality=85, restart_marker_blocks=1),
    "a restart each row": encoded(PICTURE, quality=85, restart_marker_rows=1),
    "progressive": encoded(PICTURE, quality=85, progressive=True),
    "progressive grey": encoded(PICTURE.convert("L"), quality=85, progressive=True),
    "progressive with restarts": encoded(PICTURE, quality=85, progressive=True, restart_marker_blocks=9),
    "opencv": cv2.imencode(".jpg", np.asarray(PICTURE))[1].tobytes(),
    "opencv progressive": cv2.imencode(".jpg", np.asarray(PICTURE), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes(),
}
SEQUENTIAL = [name for name in ENCODINGS if "progressive" not in name]


@pytest.mark.parametrize("name", ENCODINGS)
def test_whole(name):
    assert count_rows(ENCODINGS[name]) == WHOLE
    assert not is_suspicious(ENCODINGS[name])


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 8), (17, 16), (33, 250), (640, 3)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 3}])
def test_whole_at_any_size(size, options):
    body = encoded(noisy(size=size), quality=80, **options)
    assert count_rows(body) == WHOLE
    assert not is_suspicious(body)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 100), st.integers(0, 2), st.booleans(), st.integers(0, 5))
def test_any_whole_jpeg_is_whole(width, height, quality, subsampling, progressive, restarts):
    body = encoded(
        noisy(quality, (width, height), noise=quality / 4),
        quality=quality,
        subsampling=subsampling,
        progressive=progressive,
        restart_marker_blocks=restarts,
    )
    assert count_rows(body) == WHOLE
    assert not is_suspicious(body)


def test_flat_images_whose_blocks_are_zero_bits():
    body = encoded(Image.new("RGB", (2000, 2000), (9, 200, 30)), optimize=True)
    assert bytes(200) in body
    assert count_rows(body) == WHOLE


def test_fill_bytes_and_padding_before_the_end():
    body = ENCODINGS["baseline"]
    assert count_rows(body[:-2] + b"\xff" * 500 + END[1:]) == WHOLE
    assert count_rows(body[:-2] + bytes(5000) + END) == WHOLE
    assert count_rows(body + b"trailing" * 1000) == WHOLE


@pytest.mark.parametrize("name", SEQUENTIAL)
@pytest.mark.parametrize("share", [0.05, 0.33, 0.66, 0.9])
def test_data_that_end_early_lack_as_many_rows(name, share):
    body = ENCODINGS[name]
    start = jpeg_data_start(body)
    cut = body[: start + int((len(body) - start) * share)].rstrip(b"\xff")
    for ended, has_end in ((cut + END, True), (cut, False)):
        rows = count_rows(ended)
        assert rows is not None
        assert rows.missing == pytest.approx(1 - share, abs=0.06)
        assert rows.has_end == has_end


@pytest.mark.parametrize("name", [name for name in ENCODINGS if "progressive" in name])
@pytest.mark.parametrize("share", [0.05, 0.33, 0.66, 0.9])
def test_progressive_data_that_end_early(name, share):
    body = ENCODINGS[name]
    start = jpeg_data_start(body)
    rows = count_rows(body[: start + int((len(body) - start) * share)].rstrip(b"\xff") + END)
    assert rows is None or rows.missing > 0.1  # None: a table is cut in two, which libjpeg refuses


def test_progressive_data_whose_last_scan_is_nearly_whole():
    body = ENCODINGS["progressive"]
    rows = count_rows(body[:-20] + END)
    assert rows is not None
    assert 0 < rows.missing < 0.02


def test_a_progressive_jpeg_without_its_last_scan_lacks_all():
    body = ENCODINGS["progressive"]
    last = body.rindex(b"\xff\xda")
    rows = count_rows(body[: body.rindex(b"\xff\xc4", 0, last)] + END)
    assert rows == JpegRows(missing=1.0, has_end=True)
    assert is_suspicious(body[: body.rindex(b"\xff\xc4", 0, last)] + END)


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("times", [2, 10])
def test_a_header_that_promises_more_rows(name, times):
    rows = count_rows(jpeg_of_height(ENCODINGS[name], 256 * times))
    assert rows is not None
    assert rows.missing == pytest.approx(1 - 1 / times, abs=0.02)


def holes(body: bytes, share: float, seed: int) -> dict[str, bytes]:
    draw, start = random.Random(seed), jpeg_data_start(body)
    first = start + draw.randrange(int((len(body) - start) * (0.9 - share)))
    last = first + int((len(body) - start) * share)
    before, hole, after = body[:first], body[first:last], body[last:]
    return {
        "zeros": before + bytes(len(hole)) + after,
        "0xff": before + b"\xff" * len(hole) + after,
        "random bytes": before + draw.randbytes(len(hole)) + after,
        "removed": before + after,
    }


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("seed", range(3))
def test_a_hole_in_the_data(name, seed):
    """A tenth of the data is gone."""
    for kind, body in holes(ENCODINGS[name], 0.1, seed).items():
        if kind == "zeros" and "progressive" in name:
            continue  # where low bits are refined, zeros mean that nothing is
        rows = count_rows(body)
        assert rows is None or rows.missing >= 1 / 16, kind  # None: what is in the hole is no JPEG


def test_most_small_holes_tell():
    shares = []
    for seed in range(40):
        body = encoded(noisy(seed), quality=80)
        shares += [count_rows(hole) for kind, hole in holes(body, 0.02, seed).items() if kind != "removed"]
    told = [rows is None or rows.missing >= 1 / 16 for rows in shares]
    assert sum(told) >= 0.85 * len(told)


def test_lost_restart_intervals_are_counted():
    body = ENCODINGS["a restart each row"]
    at = [i for i in range(len(body) - 1) if body[i] == 0xFF and 0xD0 <= body[i + 1] <= 0xD7]
    assert len(at) == 15
    one = count_rows(body[: at[4]] + body[at[5] :])
    two = count_rows(body[: at[4]] + body[at[6] :])
    twice = count_rows(body[: at[5]] + body[at[4] :])
    assert one is not None
    assert two is not None
    assert (one.missing, two.missing) == (1 / 16, 2 / 16)
    assert twice == WHOLE  # an interval again, which libjpeg passes over too


def test_more_data_than_the_header_has_rows():
    rows = count_rows(jpeg_of_height(ENCODINGS["baseline"], 128))
    assert rows is not None
    assert rows.missing == pytest.approx(0.5, abs=0.05)


def test_several_scans_of_one_component_each():
    grey = ENCODINGS["grey"]
    start = jpeg_data_start(grey)
    scan = grey[grey.rindex(b"\xff\xda", 0, start) : -2]
    frame = grey.index(b"\xff\xc0")
    components = bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])
    three = grey[:frame] + jpeg_segment(0xC0, grey[frame + 4 : frame + 9] + b"\3" + components)
    three += grey[frame + 2 + 11 : start - len(scan[: scan.index(b"\x3f\0") + 2])]
    scans = [scan[:5] + bytes([number]) + scan[6:] for number in (1, 2, 3)]
    body = three + b"".join(scans) + END
    assert np.asarray(Image.open(io.BytesIO(body))).shape == (256, 320, 3)
    assert count_rows(body) == WHOLE
    assert count_rows(three + b"".join(scans[:2]) + END) == JpegRows(missing=1.0, has_end=True)
    cut = count_rows(three + b"".join(scans[:2]) + scans[2][: len(scan) // 2] + END)
    assert cut is not None
    assert cut.missing == pytest.approx(0.5, abs=0.1)


def test_what_is_coded_otherwise_is_not_followed():
    body = ENCODINGS["baseline"]
    for marker in (0xC3, 0xC9, 0xCA, 0xC5):
        assert count_rows(body.replace(b"\xff\xc0", bytes([0xFF, marker]))) is None
    assert count_rows(body.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c")) is None
    assert count_rows(b"\xff\xd8" + END) is None
    assert count_rows(b"\xff\xd8") is None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(ENCODINGS)), st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=6))
def test_any_damage_has_a_share(name, damage):
    body = bytearray(ENCODINGS[name])
    for at, value in damage:
        body[at % len(body)] = value
    rows = count_rows(bytes(body))
    assert rows is None or 0 <= rows.missing <= 1


def test_table_of_more_codes_than_there_are():
    table = bytes([0, 3] + [0] * 15) + bytes([1, 2, 3])
    assert count_rows(jpeg_with(ENCODINGS["baseline"], jpeg_segment(0xC4, table))) == WHOLE  # another replaces it
    body = ENCODINGS["baseline"]
    scan = body.index(b"\xff\xda")
    assert count_rows(body[:scan] + jpeg_segment(0xC4, table) + body[scan:]) is None
