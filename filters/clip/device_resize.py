"""Resizes images on a model's device where that is a GPU, whose processors would otherwise wait for the CPU's.

Pillow, which open_clip resizes with, works along the rows first and rounds to whole levels in between. Done so on
a device, two pixels in ten thousand differ by one level, and similarities by 1e-5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch.nn.functional import interpolate
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

_CONVERSIONS = ("MaybeConvertMode", "_convert_to_rgb")


@dataclass(frozen=True)
class WholeImages:
    """Images of any sizes in one piece of memory, so that they are copied to a device together.

    Attributes:
        values: uint8[sum of height * width * 3].
        sizes: (height, width) of each image in `values`.
        rows: the images that this object stands for, by their index in `sizes`; an index may come several times.
    """

    values: torch.Tensor
    sizes: tuple[tuple[int, int], ...]
    rows: tuple[int, ...]

    @classmethod
    def of(cls, images: Sequence[torch.Tensor]) -> WholeImages:
        """Returns images, uint8[height, width, 3] each, together."""
        sizes = tuple((int(image.shape[0]), int(image.shape[1])) for image in images)
        return cls(torch.cat([image.reshape(-1) for image in images]), sizes, tuple(range(len(images))))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, indices: torch.Tensor) -> WholeImages:
        """Returns the images at int64[n], as a view from the first to the last of them."""
        chosen = [self.rows[index] for index in indices.tolist()]
        first, last = min(chosen), max(chosen) + 1
        starts = [0, *accumulate(height * width * 3 for height, width in self.sizes)]
        rows = tuple(row - first for row in chosen)
        return WholeImages(self.values[starts[first] : starts[last]], self.sizes[first:last], rows)

    def pin_memory(self) -> WholeImages:
        """Returns the images in pinned memory, from which a GPU copies by itself."""
        return replace(self, values=self.values.pin_memory())

    def on(self, device: torch.device) -> Iterator[torch.Tensor]:
        """Yields each image in `values` on a device, float32[1, 3, height, width]."""
        images = self.values.to(device, non_blocking=True).split([height * width * 3 for height, width in self.sizes])
        for image, (height, width) in zip(images, self.sizes, strict=True):
            yield image.view(1, height, width, 3).permute(0, 3, 1, 2).to(torch.float32)


@dataclass(frozen=True)
class DeviceResize:
    """The geometry of open_clip's transform: a resize, and the cut of a middle square.

    Attributes:
        side: px of the shorter side, of which the middle square is cut out; or (height, width) to resize to.
    """

    side: int | tuple[int, int]

    @classmethod
    def of(cls, geometry: Compose) -> DeviceResize | None:
        """Returns the resize that stands in for a transform; None where the transform is of an unusual kind."""
        first, *rest = geometry.transforms
        if not isinstance(first, Resize) or first.interpolation != InterpolationMode.BICUBIC or first.max_size:
            return None
        size = first.size if isinstance(first.size, int) or len(first.size) == 2 else first.size[0]
        square = (size, size) if isinstance(size, int) else tuple(size)
        for step in rest:
            if isinstance(step, CenterCrop):
                if tuple(step.size) != square:
                    return None
            elif not any(name in (type(step).__name__, getattr(step, "__name__", "")) for name in _CONVERSIONS):
                return None
        cuts = any(isinstance(step, CenterCrop) for step in rest)
        return cls(size) if not isinstance(size, int) or cuts else None

    def __call__(self, images: WholeImages, device: torch.device) -> torch.Tensor:
        """Returns float32[images, 3, height, width] of whole levels, 0 to 255, on the device."""
        resized = torch.cat([self._resized(image) for image in images.on(device)])
        return resized[torch.tensor(images.rows, device=device)]

    def _resized(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[2:]
        target_height, target_width = self._target(height, width)
        if width != target_width:
            image = _bicubic(image, (height, target_width))
        if height != target_height:
            image = _bicubic(image, (target_height, target_width))
        if not isinstance(self.side, int):
            return image
        top, left = (round((pixels - self.side) / 2) for pixels in (target_height, target_width))
        return image[:, :, top : top + self.side, left : left + self.side]

    def _target(self, height: int, width: int) -> tuple[int, int]:
        if not isinstance(self.side, int):
            return self.side
        if width <= height:
            return int(self.side * height / width), self.side
        return self.side, int(self.side * width / height)


def _bicubic(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return interpolate(image, size=size, mode="bicubic", antialias=True, align_corners=False).round_().clamp_(0, 255)
