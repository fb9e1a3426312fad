"""Image files taken apart: header, pixels, metadata; one module a format.

Import from here: `open_image`, `read_header`, and what they return: `ImageFile`, `ImageHeader`, `MetadataBlocks`.
"""

from babelsift.filters.image.container.image_file import ImageFile, ImageHeader
from babelsift.filters.image.container.metadata import MetadataBlocks
from babelsift.filters.image.container.open_image import open_image, read_header

__all__ = ["ImageFile", "ImageHeader", "MetadataBlocks", "open_image", "read_header"]
