"""Compiles loops by numba: each is one call without the interpreter's lock, and needs no intermediate arrays.

The first call compiles, which takes seconds; later processes find the code in numba's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that is compiled when it is first called; its code is cached where a folder can be written."""
    return _compiled(function)


def jit_of_whole_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a compiled function whose sums are of whole numbers and stay below 2**53 in any order.

    They are added in the fastest order, as every order gives the same sum.
    """
    return _compiled(function, fastmath={"reassoc", "contract"})


def _compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    try:
        return njit(nogil=True, cache=True, error_model="numpy", **options)(function)
    except RuntimeError:  # neither this folder nor the user's cache can be written
        return njit(nogil=True, error_model="numpy", **options)(function)
