"""Loops compiled by numba: each is one call without the interpreter's lock, and needs no arrays for what lies between.

The first call compiles, which takes some seconds; later processes find the code in numba's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a function when it is first called, and keeps the code where there is a folder to keep it in."""
    return _compiled(function)


def jit_of_whole_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a function whose sums are of whole numbers, and stay below 2**53 in whatever order.

    They are added in whichever order is fastest: each gives the same.
    """
    return _compiled(function, fastmath={"reassoc", "contract"})


def _compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    try:
        return njit(nogil=True, cache=True, error_model="numpy", **options)(function)
    except RuntimeError:  # neither this folder nor the user's cache can be written
        return njit(nogil=True, error_model="numpy", **options)(function)
