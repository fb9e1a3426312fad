"""Pictures drawn from a seed, in which no two places look alike."""

import cv2
import numpy as np


def picture(seed, height=240, width=320):
    """Returns uint8[height, width, 3], noise of several octaves."""
    random = np.random.default_rng(seed)
    octaves = [(2.0**-n, random.integers(0, 256, (6 * 2**n, 8 * 2**n, 3), dtype=np.uint8)) for n in range(6)]
    layers = [weight * cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) for weight, noise in octaves]
    total = np.sum(layers, axis=0) / sum(weight for weight, _ in octaves)
    return np.clip(total, 0, 255).astype(np.uint8)
