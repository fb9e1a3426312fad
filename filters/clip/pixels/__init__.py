"""The pixels that a model sees: decoding stored images, and resizing them bit for bit as Pillow does.

`images`: decoding by Pillow. `geometry`: which part of an image a model's transform cuts out, at which size. `decode`:
both of them in turn, on a CPU. `coefficients`: Pillow's weights. `cpu_resize`: the resize in compiled loops.
`device_resize`: that of a whole batch as products of matrices; it alone needs torch.
"""

from babelsift.filters.clip.pixels.geometry import Geometry

__all__ = ["Geometry"]
