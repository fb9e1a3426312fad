from __future__ import annotations

import json
import struct

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from babelsift.filters.image import read_header
from babelsift.filters.image.exif import exif_json, orientation_in
from tests.support.hostile_web import encoded, photo


def block(**tags: object) -> bytes:
    exif = Image.Exif()
    for name, value in tags.items():
        exif[int(name.removeprefix("t"), 16)] = value
    return read_header(encoded(photo(1, (8, 8)), exif=exif)).exif


def test_fields_by_exifreads_names():
    found = json.loads(exif_json(block(t0112=6, t010F="Maker ", t0110="Kamera", t011A=72.0)))
    assert found == {
        "Image Orientation": "Rotated 90 CW",
        "Image Make": "Maker",
        "Image Model": "Kamera",
        "Image XResolution": "72",
    }


def test_positions_are_left_out():
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}
    assert exif_json(read_header(encoded(photo(1, (8, 8)), exif=exif)).exif) is None


def test_nothing_there():
    assert exif_json(b"") is None
    assert orientation_in(b"") == 1


def test_orientations_that_do_not_exist():
    for value in (0, 9, 65_535):
        assert orientation_in(block(t0112=value)) == 1


def test_directory_that_points_to_itself():
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    assert exif_json(b"II*\0" + struct.pack("<IH", 8, 1) + entry) is None


@given(st.binary(max_size=200), st.sampled_from([b"II*\0", b"MM\0*", b""]))
def test_any_bytes(content, start):
    assert 1 <= orientation_in(start + content) <= 8
    text = exif_json(start + content)
    assert text is None or all(isinstance(value, str) for value in json.loads(text).values())
