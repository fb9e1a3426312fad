"""A fixed, seedless 64-bit mixing function, vectorised."""

from __future__ import annotations

import numpy as np


def mix64(values: np.ndarray) -> np.ndarray:
    """Returns uint64[n], each value mixed so that near inputs are far apart; a bijection.

    Source:
        the finaliser of SplitMix64 (Steele, Lea, Flood, 2014), after adding its golden-ratio increment.
    """
    mixed = values.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
