"""All that an image's pixels tell at download: its hashes and its measures, from one pass over grey levels."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from babelsift.filters.image.hashing.hashes import ImageHashes, hash_grey
from babelsift.filters.image.hashing.luminance import grey_of, luminance_of_grey
from babelsift.filters.image.measures.pixels import PixelMeasures, measure_pixels


@dataclass(frozen=True)
class PixelFacts(ImageHashes, PixelMeasures):
    """An image's hashes and measures."""

    def columns(self) -> dict[str, Any]:
        """Returns them alone, by the names that they have as columns."""
        return {field.name: getattr(self, field.name) for field in fields(PixelFacts)}


def facts_of(image: np.ndarray) -> PixelFacts:
    """Returns what an image's pixels tell.

    Args:
        image: uint8[height, width, 3], BGR.
    """
    grey = grey_of(image)
    luminance = luminance_of_grey(grey)
    measures = measure_pixels(image, grey, luminance)
    return PixelFacts(**measures.columns(), **hash_grey(image, grey, luminance).columns())
