"""PDQ's hashes are those of the published program: facts were computed by pdqhash 0.2.8, its authors' code."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from babelsift.filters.image.hashing.pdq import pdq_hash
from tests.support.pictures import picture

FACTS = [
    ((64, 64), "5e1cf53ed05ed47a1176955c157c135cbffcc7d4ff54bbc4af54ab508a000800", 100),
    ((80, 100), "7fd546ccffdb367256886ef8dff976d4ecb88738f45846b86e1045a06a104010", 100),
    ((300, 200), "070cf0e1e76d8da8e563da42a8c9f654cb4cd3d12f2dd1853336fc58af993504", 100),
    ((512, 512), "f0296a5151961f359ac95a163762829599c9f47e23a8f267163a7fc64d98c8f3", 100),
    ((23, 470), "9775fb1ef7a1f70eeffb6799e9b0fd2c3757aedb5c321600e6a1c04300208000", 100),
]


def drawn(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width].astype(np.int64)
    return ((x * x * (7 + y // 9) // 97 + y * (x % 53) * 3 + y * y // 5) % 256).astype(np.uint8)


def bits_between(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


@pytest.mark.parametrize(("shape", "expected", "quality"), FACTS)
def test_hashes_are_the_published_programs(shape, expected, quality):
    found, found_quality = pdq_hash(drawn(*shape))
    assert bits_between(found, bytes.fromhex(expected)) <= 2  # floats in another order
    assert found_quality == quality


def test_copies_lie_near_and_others_far():
    grey = cv2.cvtColor(picture(1, 600, 800), cv2.COLOR_BGR2GRAY)
    found, quality = pdq_hash(grey)
    smaller, _ = pdq_hash(cv2.resize(grey, (320, 240), interpolation=cv2.INTER_AREA))
    other, _ = pdq_hash(cv2.cvtColor(picture(2, 600, 800), cv2.COLOR_BGR2GRAY))
    assert bits_between(found, smaller) <= 16
    assert bits_between(found, other) > 80
    assert quality == 100


@pytest.mark.parametrize("shape", [(4, 300), (300, 4), (1, 1), (200, 200)])
def test_what_shows_nothing_has_no_quality(shape):
    assert pdq_hash(np.full(shape, 90, np.uint8))[1] == 0
