"""The compiled loops against the same in numpy and in Python's own whole numbers."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters.image import kernels


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_a_luminance_is_the_mean_over_its_part(height, width, seed):
    grey = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    found = kernels.luminance(grey, 4, 256)
    down, across = (overlaps(4, pixels) for pixels in (height, width))
    for row in range(4):
        for column in range(4):
            total = sum(down[row][y] * across[column][x] * int(grey[y, x]) for y in down[row] for x in across[column])
            assert found[row, column] == total * 256 * 16 // (height * width)


def overlaps(parts, pixels):
    """For each part, {pixel: how much of it lies there}, exactly."""
    size = Fraction(pixels, parts)
    return [
        {
            pixel: min(size * (part + 1), pixel + 1) - max(size * part, pixel)
            for pixel in range(pixels)
            if min(size * (part + 1), pixel + 1) > max(size * part, pixel)
        }
        for part in range(parts)
    ]


@pytest.mark.parametrize(("height", "width"), [(2900, 3000), (40_000, 70), (70, 40_000), (1, 1), (63, 65)])
def test_a_luminance_of_more_pixels_than_its_sums_hold(height, width):
    grey = np.full((height, width), 255, np.uint8)  # 2.2 thousand million where there are most
    assert (kernels.luminance(grey, 64, 256) == 255 * 256).all()


@pytest.mark.parametrize("total", [*range(-1100, 1100, 1)][::7])
def test_sums_are_rounded_as_floats_are(total):
    assert kernels.rounded_shift(np.int32(total), np.int32(9)) == np.rint(total / 512)


def test_ties_go_to_even():
    assert [kernels.rounded_shift(np.int32(512 * n + 256), np.int32(9)) for n in range(-3, 4)] == [
        -2,
        -2,
        0,
        0,
        2,
        2,
        4,
    ]


def test_where_nothing_can_be_written_it_compiles_for_this_process(tmp_path):
    (tmp_path / "pixels.py").write_text(Path(kernels.__file__).read_text())
    code = (
        "from numba.core.caching import CacheImpl\n"
        "for place in CacheImpl._locator_classes: place.from_function = classmethod(lambda *_: None)\n"
        "import numpy as np, pixels; print(pixels.luminance(np.full((9, 9), 7, np.uint8), 2, 1).tolist())"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[[7, 7], [7, 7]]"


def test_after_compiling_all_an_image_compiles_nothing():
    code = (
        "import numpy as np; from babelsift.filters.image import compile_kernels, hash_pixels, kernels; from babelsift.filters.image.hashing import hash_kernels; from babelsift.filters.image.shrink import shrink_by_area\n"
        "compile_kernels.compile_all()\n"
        "loops = (kernels.shrink, kernels.luminance, hash_kernels.structure, hash_kernels.window_hashes)\n"
        "before = [len(loop.signatures) for loop in loops]\n"
        "image = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)\n"
        "hash_pixels(shrink_by_area(image, (35, 45), full_size=(70, 90), scale=1))\n"
        "print(before == [len(loop.signatures) for loop in loops])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "True"
