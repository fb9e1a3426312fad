"""Pictures of the report: small, and hidden where they may be explicit or violent."""

import cv2
import numpy as np
import pytest

from babelsift.pipelines.stages.report.thumbnails import SIDE_PX, thumbnail
from babelsift.pipelines.stages.report.veiled import is_veiled


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


PLAIN = {"caption": "a dog in the snow", "url": "https://a.example/1.jpg"}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, False),
        ({"punsafe": 0.9}, True),
        ({"punsafe": 0.01}, False),
        ({"opennsfw_nsfw": 0.5}, True),
        ({"NSFW": "UNLIKELY"}, False),
        ({"NSFW": "NSFW"}, True),
        ({"violence": None}, False),
        ({"similarity": 0.9}, False),
        ({"reason": "flagged_word"}, True),
        ({"reason": "nsfw_not_met", "threshold": "nsfw <= 0.5"}, True),
        ({"reason": "condition_not_met", "threshold": "aesthetic >= 5"}, False),
        ({"caption": "Naked woman"}, True),
        ({"caption": "голая девушка"}, True),
        ({"caption": "Sussex, Middlesex and Essex"}, False),
        ({"url": "https://xvideos.example/1.jpg"}, True),
        ({"caption": None, "url": None}, False),
    ],
)
def test_what_a_model_a_rule_or_a_word_calls_explicit_is_hidden(row, expected):
    assert is_veiled({**PLAIN, **row}) is expected
