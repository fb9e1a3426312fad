"""Keeps images out of staging that were removed on request, whichever URL they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from babelsift.filters.image import ImageFailure, ProcessedImage
from babelsift.pipelines.run_folder.tombstones import Tombstones
from babelsift.schemas import RejectReason

ProcessImage = Callable[..., "ProcessedImage | ImageFailure"]


@dataclass(frozen=True)
class UnlessRemoved:
    """Makes the image to store of a body, as `process` does; an image that was removed is a failure.

    Runs where `process` does, in a decoder's process: the bytes are known there as they were served.

    Attributes:
        process: called as `process_image` is.
        removed: by the digests of bytes and of pixels.
    """

    process: ProcessImage
    removed: Tombstones

    def __call__(self, body: bytes, *arguments: Any, **options: Any) -> ProcessedImage | ImageFailure:
        """Returns what `process` does, or that the image was removed."""
        image = self.process(body, *arguments, **options)
        return ImageFailure(RejectReason.REMOVED, "") if self._is_removed(body, image) else image

    def _is_removed(self, body: bytes, image: ProcessedImage | ImageFailure) -> bool:
        if self.removed.has_bytes(body):
            return True
        if isinstance(image, ImageFailure):
            return False
        return self.removed.has_pixels(image.pixels_digest) or self.removed.has_bytes(image.data)
