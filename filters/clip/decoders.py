"""Who decodes a batch's images, and where their pixels lie: threads of this process, or another kind of `Decoders`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL import Image

from babelsift.filters.clip.pixels.decode import MAX_WHOLE_PIXELS, decode
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.filters.clip.pixels.images import read_image
from babelsift.filters.cores import usable_cores

_MAX_THREADS = 32


@dataclass(frozen=True)
class DecodedImages:
    """A batch's images.

    Attributes:
        pixels: of each image uint8[height, width, 3], or "image: ..." and its fault.
        memory: uint8[any], of which all pixels are views; None where each has memory of its own.
        release: gives the memory back; may be called several times, and the pixels are not used afterwards.
    """

    pixels: Sequence[np.ndarray | str]
    memory: np.ndarray | None = None
    release: Callable[[], None] = lambda: None

    def stacked(self, rows: Sequence[int]) -> np.ndarray:
        """Returns uint8[rows, height, width, 3] of images of one size; without a copy where they lie so already."""
        images = [self._of(row) for row in rows]
        if self.memory is not None:
            each = images[0].size
            first, *_, last = starts = [self._start(row) for row in (rows[0], *rows)]
            if last - first == each * (len(rows) - 1) and starts[1:] == list(range(first, last + 1, each)):
                return self.memory[first : last + each].reshape(len(rows), *images[0].shape)
        return np.stack(images)

    def in_one_piece(self, rows: Sequence[int]) -> tuple[np.ndarray, tuple[int, ...]]:
        """Returns (uint8[any], the index of each image's first value in it), of images of any sizes."""
        if self.memory is not None:
            starts = [self._start(row) for row in rows]
            first = min(starts)
            end = max(start + self._of(row).size for start, row in zip(starts, rows, strict=True))
            return self.memory[first:end], tuple(start - first for start in starts)
        images = [self._of(row).reshape(-1) for row in rows]
        ends = np.cumsum([image.size for image in images]).tolist()
        return np.concatenate(images), (0, *ends[:-1])

    def size(self, row: int) -> tuple[int, int]:
        """Returns an image's height and width in px. Its row has no fault."""
        height, width, _ = self._of(row).shape
        return height, width

    def _of(self, row: int) -> np.ndarray:
        image = self.pixels[row]
        assert isinstance(image, np.ndarray)  # nobody asks for the pixels of a fault
        return image

    def _start(self, row: int) -> int:
        assert self.memory is not None
        return int(self._of(row).ctypes.data - self.memory.ctypes.data)


class Coming(Protocol):
    """Images that are being decoded."""

    def result(self) -> DecodedImages:
        """Waits for them."""


class Decoders(Protocol):
    """Decodes batches; safe to share between threads."""

    def decode(self, images: Sequence[bytes | None], geometry: Geometry, *, leave_whole: bool) -> Coming:
        """Begins to decode images; waits first where as many batches as are allowed have not been released yet.

        Args:
            images: encoded JPEG, PNG or WebP.
            geometry: which part of an image a model sees, at which size.
            leave_whole: let images of moderate size be whole, for a device to cut out.
        """


class DecoderThreads:
    """Threads of this process, as many as there are cores for it."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(min(_MAX_THREADS, usable_cores()), "clip-decode")

    def decode(self, images: Sequence[bytes | None], geometry: Geometry | Any, *, leave_whole: bool) -> Coming:
        """Begins to decode images; see `Decoders`.

        Args:
            images: encoded JPEG, PNG or WebP.
            geometry: or any function of a Pillow image.
            leave_whole: as there.
        """
        if isinstance(geometry, Geometry):
            most = MAX_WHOLE_PIXELS if leave_whole else 0
            return _Decoding([self._threads.submit(decode, image, geometry, max_whole_pixels=most) for image in images])
        return _Decoding([self._threads.submit(_transformed, image, geometry) for image in images])


class _Decoding:
    def __init__(self, futures: Sequence[Any]) -> None:
        self._futures = futures

    def result(self) -> DecodedImages:
        return DecodedImages([future.result() for future in self._futures])


def _transformed(data: bytes | None, transform: Callable[[Image.Image], Any]) -> np.ndarray | str:
    """Decodes an image and lets open_clip's own transform cut it out."""
    size = getattr(getattr(transform, "transforms", [None])[0], "size", 0)
    side = max(size) if isinstance(size, (tuple, list)) else size
    return read_image(data, lambda image: np.array(transform(image).convert("RGB")), shorter_side=side)
