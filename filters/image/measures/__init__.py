"""What can be said of an image beside who it is: cheap measures of its pixels, codes, text, faces.

pixels    dark, bright, blurred, grey, framed: taken of each image at download
"""

from babelsift.filters.image.measures.pixels import PixelMeasures, measure_pixels

__all__ = ["PixelMeasures", "measure_pixels"]
