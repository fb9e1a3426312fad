"""Pictures of the report are small."""

import cv2
import numpy as np
import pytest

from babelsift.pipelines.stages.report.thumbnails import SIDE_PX, thumbnail


@pytest.mark.parametrize(("height", "width"), [(40, 30), (900, 600), (10, 4000), (3000, 3000)])
@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_a_thumbnail_is_small_whatever_the_image_is(height, width, extension):
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    small = thumbnail(cv2.imencode(extension, pixels)[1].tobytes())
    found = cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR)
    assert max(found.shape) <= SIDE_PX
    assert len(small) < 40_000
    assert small[8:12] == b"WEBP"


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff\xe0" + bytes(50)])
def test_what_cannot_be_decoded_has_none(content):
    assert thumbnail(content) is None
