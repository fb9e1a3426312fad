"""Compiles all kernels of images at once, before threads decode side by side."""

from __future__ import annotations

import cv2
import numpy as np

from babelsift.filters.image.hashing.border_kernels import compile_borders
from babelsift.filters.image.hashing.colour_kernels import compile_colours
from babelsift.filters.image.hashing.hash_kernels import compile_hashes
from babelsift.filters.image.hashing.view_kernels import compile_views
from babelsift.filters.image.jpeg import count_rows
from babelsift.filters.image.kernels import luminance, shrink
from babelsift.filters.image.measures.kernels import compile_measures


def compile_all() -> None:
    """Compiles what images need and is not compiled yet: whoever does so holds the interpreter's lock for seconds."""
    taps = np.zeros(1, np.uint32), np.ones((1, 1), np.int32)
    shrink(np.zeros((1, 1, 3), np.uint8), taps, taps, (np.int32(1), np.int32(1)))
    luminance(np.zeros((1, 1), np.uint8), 1, 1)
    compile_hashes()
    compile_borders()
    compile_views()
    compile_colours()
    compile_measures()
    count_rows(cv2.imencode(".jpg", np.zeros((8, 8), np.uint8))[1].tobytes())
