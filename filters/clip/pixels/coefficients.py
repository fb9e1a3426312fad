"""The weights by which Pillow resizes along an axis: whole numbers of 22 bits, so that results are the same anywhere.

A level is `(sum of weight * level + 2**21) >> 22`, held between 0 and 255; along rows first, then along columns.

Source:
    Pillow, `src/libImaging/Resample.c`: precompute_coeffs, normalize_coeffs_8bpc.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

FRACTION_BITS = 22


@dataclass(frozen=True)
class Taps:
    """The weights of some targets along an axis.

    Attributes:
        starts: int32[targets], the first source of each.
        weights: int32[targets, taps], zero where a target has fewer sources.
    """

    starts: np.ndarray
    weights: np.ndarray


@lru_cache(maxsize=4096)
def taps_of(source: int, target: int, kernel: str, first: int, count: int) -> Taps:
    """Returns the weights of `count` targets from the `first` on, where `source` pixels are resized to `target`.

    Targets before 0 or past the last, which lie in padding, have weights of zero.

    Args:
        source: px, >= 1.
        target: px, >= 1.
        kernel: one of KERNELS.
        first: index of a target, may be negative.
        count: >= 1.
    """
    support, weigh = KERNELS[kernel]
    scale = source / target
    widening = max(scale, 1.0)
    reach = support * widening
    targets = np.arange(max(first, 0), min(first + count, target))
    centers = (targets + 0.5) * scale
    starts = np.maximum((centers - reach + 0.5).astype(np.int64), 0)
    ends = np.minimum((centers + reach + 0.5).astype(np.int64), source)
    taps = max(1, int((ends - starts).max(initial=1)))
    offsets = np.arange(taps)
    distances = (offsets + starts[:, None] - centers[:, None] + 0.5) * (1.0 / widening)
    values = np.where(offsets < (ends - starts)[:, None], weigh(distances), 0.0)
    # Added up one after the other, as a loop does: numpy's own sum has another last bit.
    values /= np.cumsum(values, axis=1)[:, -1:]
    whole = np.trunc(values * (1 << FRACTION_BITS) + np.where(values < 0, -0.5, 0.5)).astype(np.int32)
    at, weights = np.zeros(count, np.int32), np.zeros((count, taps), np.int32)
    inside = targets - first
    # A start is moved back where fewer sources than taps follow it: all taps are then within the axis.
    moved = np.minimum(starts, max(source - taps, 0))
    at[inside] = moved
    columns = offsets + (starts - moved)[:, None]
    kept = columns < taps
    rows = np.broadcast_to(inside[:, None], columns.shape)
    weights[rows[kept], columns[kept]] = whole[kept]
    return Taps(at, weights)


def _bilinear(distances: np.ndarray) -> np.ndarray:
    away = np.abs(distances)
    return np.where(away < 1.0, 1.0 - away, 0.0)


def _bicubic(distances: np.ndarray) -> np.ndarray:
    a = -0.5
    away = np.abs(distances)
    near = ((a + 2.0) * away - (a + 3.0)) * away * away + 1
    far = (((away - 5) * away + 8) * away - 4) * a
    return np.where(away < 1.0, near, np.where(away < 2.0, far, 0.0))


def _lanczos(distances: np.ndarray) -> np.ndarray:
    # By the C library's sine, as Pillow: numpy's own may have another last bit.
    return np.vectorize(_lanczos_at, otypes=[np.float64])(distances)


def _lanczos_at(distance: float) -> float:
    return _sinc(distance) * _sinc(distance / 3) if -3.0 <= distance < 3.0 else 0.0


def _sinc(distance: float) -> float:
    if distance == 0.0:
        return 1.0
    angle = distance * math.pi
    return math.sin(angle) / angle


# Name, as torchvision's InterpolationMode has it: how far a kernel reaches, and its values.
KERNELS: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "bilinear": (1.0, _bilinear),
    "bicubic": (2.0, _bicubic),
    "lanczos": (3.0, _lanczos),
}
