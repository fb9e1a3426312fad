"""Memory for what lies between two steps: fresh pages cost as much as the arithmetic that fills them."""

from __future__ import annotations

import math
import threading

import numpy as np
from numpy.typing import DTypeLike

_KEPT_BYTES = 16 * 2**20


class Scratch(threading.local):
    """Arrays by name, kept by each thread and given out again; large ones are let go of."""

    def __init__(self) -> None:
        self._kept: dict[str, np.ndarray] = {}

    def array(self, name: str, dtype: DTypeLike, *shape: int) -> np.ndarray:
        """Returns an array with anything in it, valid until the thread asks for the name again."""
        kind, count = np.dtype(dtype), math.prod(shape)
        kept = self._kept.get(name)
        if kept is None or len(kept) < count or kept.dtype != kind:
            kept = np.empty(count, kind)
            if kept.nbytes <= _KEPT_BYTES:
                self._kept[name] = kept
        return kept[:count].reshape(shape)
