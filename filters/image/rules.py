"""Rules on an image as it was served, from its measured columns alone."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def has_min_bytes(original_bytes: pa.Array, *, minimum: int) -> pa.BooleanArray:
    """Keeps images whose file, as served, has at least `minimum` bytes.

    Args:
        original_bytes: int64[n], nullable.
        minimum: bytes, >= 0.

    Returns:
        bool[n], no nulls; a null size is not kept.

    Raises:
        ValueError: minimum < 0.

    Source:
        LAION-400M (>= 5 KB).

    >>> has_min_bytes(pa.array([4999, 5000, None]), minimum=5000).to_pylist()
    [False, True, False]
    """
    _check_minimum(minimum)
    return pc.fill_null(pc.greater_equal(original_bytes, minimum), False)


def has_min_side(width: pa.Array, height: pa.Array, *, minimum: int) -> pa.BooleanArray:
    """Keeps images whose shorter side has at least `minimum` pixels.

    Args:
        width, height: int32[n], px as served, nullable.
        minimum: px, >= 0.

    Returns:
        bool[n], no nulls; an image with an unknown side is not kept.

    Raises:
        ValueError: minimum < 0.

    Source:
        DataComp's basic filter (>= 200).

    >>> has_min_side(pa.array([640, 640]), pa.array([480, 199]), minimum=200).to_pylist()
    [True, False]
    """
    _check_minimum(minimum)
    both = pc.and_(pc.greater_equal(width, minimum), pc.greater_equal(height, minimum))
    return pc.fill_null(both, False)


def is_within_aspect_ratio(width: pa.Array, height: pa.Array, *, maximum: float) -> pa.BooleanArray:
    """Keeps images whose longer side is at most `maximum` times the shorter.

    Args:
        width, height: int32[n], px as served, nullable.
        maximum: >= 1.

    Returns:
        bool[n], no nulls; an image with an unknown side or one below 1 px is not kept.

    Raises:
        ValueError: maximum < 1.

    Source:
        DataComp's basic filter (<= 3.0).

    >>> is_within_aspect_ratio(pa.array([600, 601]), pa.array([200, 200]), maximum=3).to_pylist()
    [True, False]
    """
    if maximum < 1:
        raise ValueError(f"maximum must be at least 1, found {maximum}; no image is below that ratio")
    # DataComp divides, so this does: a product would decide 3:1 by another rounding for some maxima.
    shorter = pc.cast(pc.min_element_wise(width, height, skip_nulls=False), pa.float64())
    longer = pc.cast(pc.max_element_wise(width, height, skip_nulls=False), pa.float64())
    within = pc.and_(pc.greater(shorter, 0), pc.less_equal(pc.divide(longer, shorter), maximum))
    return pc.fill_null(within, False)


def _check_minimum(minimum: int) -> None:
    if minimum < 0:
        raise ValueError(f"minimum must be at least 0, found {minimum}")
