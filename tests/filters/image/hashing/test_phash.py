from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from babelsift.filters.image import PHASH_BITS, hamming_distances, hash_pixels, read_header
from babelsift.filters.image.decoding.decode import decode_image
from babelsift.schemas.columns import PHASH_BYTES
from tests.support.hostile_web import encoded


def hashed(image: np.ndarray) -> np.ndarray:
    return np.frombuffer(hash_pixels(image).phash, np.uint8)


def picture(seed: int) -> Image.Image:
    """Structure at every scale, the coarser the stronger, as photographs have it."""
    random = np.random.default_rng(seed)
    octaves = [(2.0**-n, random.integers(0, 256, (6 * 2**n, 8 * 2**n, 3), dtype=np.uint8)) for n in range(6)]
    layers = [weight * cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC) for weight, noise in octaves]
    total = np.sum(layers, axis=0)
    return Image.fromarray((total / sum(weight for weight, _ in octaves)).astype(np.uint8))


def pixels(seed: int) -> np.ndarray:
    return np.asarray(picture(seed))[:, :, ::-1].copy()


def distance(a: np.ndarray, b: np.ndarray) -> int:
    return int(hamming_distances(a[None], b[None])[0])


def test_size():
    assert len(hash_pixels(pixels(1)).phash) == PHASH_BYTES == PHASH_BITS // 8
    assert np.unpackbits(hashed(pixels(1))).sum() == PHASH_BITS / 2


@pytest.mark.parametrize("seed", range(5))
def test_near_for_the_same_picture_at_other_sizes_and_qualities(seed):
    image = pixels(seed)
    same = [
        cv2.resize(image, (160, 120), interpolation=cv2.INTER_AREA),
        cv2.resize(image, (500, 300), interpolation=cv2.INTER_CUBIC),
        cv2.convertScaleAbs(image, alpha=0.9, beta=10),
    ]
    for name, quality in (("JPEG", 30), ("WEBP", 50)):
        body = encoded(picture(seed), name, quality=quality)
        same.append(decode_image(body, read_header(body)).pixels)
    assert max(distance(hashed(image), hashed(other)) for other in same) <= 20


def test_far_for_different_pictures():
    hashes = np.stack([hashed(pixels(seed)) for seed in range(20)])
    distances = [hamming_distances(hashes[i + 1 :], hashes[i]) for i in range(19)]
    assert min(np.concatenate(distances)) > 70
    assert abs(np.concatenate(distances).mean() - 128) < 10


def test_mirrored_is_another_picture():
    assert distance(hashed(pixels(1)), hashed(pixels(1)[:, ::-1].copy())) > 70


def test_quality():
    assert hash_pixels(np.full((50, 50, 3), 77, np.uint8)).phash_quality == 0
    assert hash_pixels(pixels(1)).phash_quality > 0.2
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert hash_pixels(noise).phash_quality == 1
    gentle = np.repeat(np.linspace(100, 110, 64, dtype=np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    assert hash_pixels(gentle).phash_quality < 0.1


def test_flat_images_have_equal_hashes():
    assert hash_pixels(np.zeros((9, 9, 3), np.uint8)).phash == hash_pixels(np.full((70, 20, 3), 255, np.uint8)).phash


@given(arrays(np.uint8, (7, PHASH_BYTES)), arrays(np.uint8, (7, PHASH_BYTES)))
def test_hamming_distances_by_counting(a, b):
    counted = [int(np.unpackbits(x ^ y).sum()) for x, y in zip(a, b, strict=True)]
    assert hamming_distances(a, b).tolist() == counted
    assert hamming_distances(a, b[0]).tolist() == hamming_distances(a, np.repeat(b[:1], 7, axis=0)).tolist()


@given(st.integers(1, 80), st.integers(1, 80))
def test_any_size(width, height):
    hashes = hash_pixels(np.zeros((height, width, 3), np.uint8))
    assert len(hashes.phash) == PHASH_BYTES
    assert hashes.phash_quality == 0
