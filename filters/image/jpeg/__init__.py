"""Whether a JPEG has all of its rows, by a walk over its entropy-coded data.

Import from here: `count_rows` and the `JpegRows` that it returns; `is_suspicious`, for who knows already that a decoder
complains of nothing.
"""

from babelsift.filters.image.jpeg.rows import JpegRows, count_rows
from babelsift.filters.image.jpeg.structure import END_OF_IMAGE
from babelsift.filters.image.jpeg.suspicion import is_suspicious

__all__ = ["END_OF_IMAGE", "JpegRows", "count_rows", "is_suspicious"]
