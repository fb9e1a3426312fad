"""Columns of images: decoded pixels in, a number each out."""

import numpy as np


def paleness(images: list[np.ndarray]) -> list[float]:
    """Returns how near each image's mean is to white, 0 to 1.

    Args:
        images: uint8[height, width, 3], RGB.
    """
    return [float(image.mean()) / 255 for image in images]


paleness.version = 1
