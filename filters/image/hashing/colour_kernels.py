"""A loop over an image's pixels that sums up its colours, compiled by numba."""

from __future__ import annotations

import numpy as np

from babelsift.filters.jit import jit


def compile_colours() -> None:
    """Compiles what is not compiled yet."""
    for image in (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)[1:3, 1:3]):
        colour_moments(image, 1, 1)


@jit
def colour_moments(image: np.ndarray, step: int, units: int) -> np.ndarray:
    """Returns int16[4]: the means of red less green and of yellow less blue, then the standard deviations of both.

    Args:
        image: uint8[n, m, 3], BGR.
        step: of so many rows and columns one is looked at.
        units: how many of the result are a grey level; even, at most 64.
    """
    pixels = red_green = yellow_blue = red_green_squares = yellow_blue_squares = np.int64(0)
    for row in range(0, image.shape[0], step):
        for column in range(0, image.shape[1], step):
            pixel = image[row, column]
            blue, green, red = np.int64(pixel[0]), np.int64(pixel[1]), np.int64(pixel[2])
            first, second = 2 * (red - green), red + green - 2 * blue
            red_green += first
            yellow_blue += second
            red_green_squares += first * first
            yellow_blue_squares += second * second
            pixels += 1
    half = units // 2
    moments = np.zeros(4, np.int16)
    moments[0], moments[1] = red_green * half // pixels, yellow_blue * half // pixels
    moments[2] = np.int64(np.sqrt(pixels * red_green_squares - red_green * red_green)) * half // pixels
    moments[3] = np.int64(np.sqrt(pixels * yellow_blue_squares - yellow_blue * yellow_blue)) * half // pixels
    return moments
