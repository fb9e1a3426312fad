"""The compiled loops over a luminance against the same in numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters.image.hashing import hash_kernels as kernels

WHITE = 255 * 256


def whole_numbers(random, *shape, most=2**20):
    return random.integers(-most, most + 1, shape).astype(np.float64)


@pytest.mark.parametrize("shape", [(4, 2, 1), (8, 6, 5), (80, 64, 64)])
def test_products_of_rows_are_a_matrix_times_another_turned(shape):
    random = np.random.default_rng(0)
    rows, others = whole_numbers(random, shape[0], shape[2]), whole_numbers(random, shape[1], shape[2])
    out = np.full(shape[:2], np.nan)
    kernels.products(rows, others, out)
    assert np.array_equal(out, rows @ others.T)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-(2**50), 2**50) | st.integers(-3, 3), min_size=2, max_size=40))
def test_as_many_values_exceed_the_upper_median_as_the_median(values):
    values = np.array(values[: len(values) // 2 * 2], np.float64)
    found = kernels.upper_median(values)
    assert np.array_equal(values > found, values > np.median(values))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_a_hash_says_which_frequencies_lie_above_their_median(seed, flat):
    random = np.random.default_rng(seed)
    luminance = np.full((64, 64), 777) if flat else random.integers(0, WHITE + 1, (64, 64))
    cosines = whole_numbers(random, 24, 64, most=2**11)
    windows = np.array([[0, 0], [8, 16], [16, 4]])
    low = random.permutation(64)[:32]
    first, others = kernels.window_hashes(luminance.astype(np.uint16), cosines, windows, 8, low)
    spectrum = cosines @ luminance @ cosines.T
    bits = [(part > np.median(part)).ravel() for part in (spectrum[a : a + 8, b : b + 8] for a, b in windows)]
    assert np.array_equal(first, np.packbits(bits[0]))
    assert np.array_equal(others, np.packbits([some[low] for some in bits[1:]], axis=1))


def steps_of(levels):
    steps = [np.abs(levels[1:] - levels[:-1]), np.abs(levels[:, 1:] - levels[:, :-1])]
    return sum(int((some * 100 // 65280).sum()) for some in steps)


def test_steps_are_cut_to_whole_percents_step_by_step():
    levels = np.random.default_rng(0).integers(0, 65281, (64, 64), dtype=np.int32)
    assert kernels.step_percents(levels) == steps_of(levels)


def test_every_step_up_to_twice_from_black_to_white_is_cut_right():
    steps = np.arange(2 * 65280 + 1, dtype=np.int32)
    levels = np.zeros((2, 1), np.int32)
    for sign in (1, -1):
        percents = []
        for step in steps:
            levels[1, 0] = sign * step
            percents.append(kernels.step_percents(levels))
        assert percents == [*(steps * 100 // 65280)]


def test_what_is_smooth_is_taken_away_within_a_tenth_of_a_grey_level():
    across = np.linspace(-1, 1, 64)
    basis = np.linalg.qr(np.vander(across, 4))[0].T
    fixed = np.rint(basis * (1 << 16)).astype(np.int64)
    random = np.random.default_rng(0)
    white, stripes = np.full((64, 64), 65280), np.tile([0, 65280], (64, 32))
    for levels in (white, stripes, stripes.T, random.integers(0, 65281, (64, 64))):
        left = kernels.without_smooth(levels.astype(np.int32), fixed, 16)
        assert np.abs(left - (levels - basis.T @ basis @ levels @ basis.T @ basis)).max() < 25.6
    ramp = np.rint(32640 + 16320 * across[:, None] ** 3 - 16320 * across**2).astype(np.int32)
    assert np.abs(kernels.without_smooth(ramp, fixed, 16)).max() < 25.6


def test_structure_is_of_the_steps_the_rest_and_the_commonest():
    luminance = np.random.default_rng(0).integers(0, 65281, (64, 64)).astype(np.uint16)
    basis = np.zeros((1, 64), np.int64)
    assert kernels.structure(luminance, basis, 16, 9) == (
        steps_of(luminance.astype(np.int32)),
        steps_of(luminance.astype(np.int32)),
        kernels.commonest(kernels.value_counts(luminance, 8), 9, 2),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=12, max_size=40), st.sampled_from([1, 3, 9]), st.integers(1, 3))
def test_the_commonest_values_and_those_around_them(counts, around, times):
    counts = np.array(counts, np.int64)
    left, expected = counts.copy(), 0
    for _ in range(times):
        sums = np.convolve(left, np.ones(around, np.int64), "full")[around // 2 : around // 2 + len(left)]
        best = int(sums.argmax())
        expected += sums[best]
        left[max(0, best - around // 2) : best + around // 2 + 1] = 0
    assert kernels.commonest(counts, around, times) == expected


def test_values_are_counted_without_their_lowest_bits():
    values = np.random.default_rng(0).integers(0, 65536, (64, 64), dtype=np.uint16)
    assert np.array_equal(kernels.value_counts(values, 8), np.bincount((values >> 8).ravel(), minlength=256))
