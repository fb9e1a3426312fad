"""From untrusted bytes to upright pixels.

decode     8-bit BGR, within bounds
complete   decodes only what has all its data
pixels     RGB of an image that is stored already, for a measure, a model, a function
"""

from babelsift.filters.image.decoding.complete import decode_complete
from babelsift.filters.image.decoding.decode import DecodedImage, decode_image
from babelsift.filters.image.decoding.pixels import decode_rgb

__all__ = ["DecodedImage", "decode_complete", "decode_image", "decode_rgb"]
