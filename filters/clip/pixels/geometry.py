"""Which part of an image a model's transform cuts out, and at which size; without torch, for decoders need none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageOps

from babelsift.filters.clip.pixels.coefficients import Taps, taps_of

# Pillow's `Resampling` by the name of torchvision's InterpolationMode.
_RESAMPLING = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class Geometry:
    """A resize, then a cut of the middle, which is padded where the resized image is smaller.

    Attributes:
        height: px of what is cut out.
        width: px of what is cut out.
        rule: what the resize keeps. "shorter": the aspect, the shorter side becomes the smaller of height and width.
            "cover" and "contain": the aspect, just large enough to fill the cut, or to fit in. "squash": nothing.
        kernel: one of `coefficients.KERNELS`.
        fill: level of the padding.
        middle: how half a pixel of a cut is rounded. "even": as torchvision does. "down": as transformers does.
        colours: when an image's colours become RGB. "last": after the resize, as in open_clip. "first": before it.
            "first_on_white": before it, what is transparent on white.
    """

    height: int
    width: int
    rule: Literal["shorter", "cover", "contain", "squash"] = "shorter"
    kernel: str = "bicubic"
    fill: int = 0
    middle: Literal["even", "down"] = "even"
    colours: Literal["last", "first", "first_on_white"] = "last"

    @property
    def shorter_side(self) -> int | None:
        """Px to which the shorter side of an image is resized; None where the longer side is bounded."""
        return max(self.height, self.width) if self.rule in ("shorter", "cover") else None

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Returns the (height, width) in px to which an image is resized, before the cut."""
        if self.rule == "squash":
            return self.height, self.width
        if self.rule == "shorter":
            side = min(self.height, self.width)
            if width <= height:
                return int(side * height / width), side
            return side, int(side * width / height)
        down, across = height / self.height, width / self.width
        # With torch's own words, `longest` 0.0 or 1.0 times each: its rounding is that of these sums.
        longest = 1.0 if self.rule == "contain" else 0.0
        ratio = max(down, across) * longest + min(down, across) * (1.0 - longest)
        return round(height * 1.0 / ratio), round(width * 1.0 / ratio)

    @staticmethod
    def goes_along_rows_first(height: int, width: int) -> bool:
        """Returns whether Pillow resizes an image along its rows first: some versions do not where it is a strip."""
        return height <= 100 * width

    def corner(self, resized: tuple[int, int]) -> tuple[int, int]:
        """Returns the (top, left) of the cut within the resized image, negative where it is padded."""
        return self._offset(resized[0], self.height), self._offset(resized[1], self.width)

    def taps(self, height: int, width: int) -> tuple[Taps, Taps]:
        """Returns the weights of the cut's rows and columns for an image of a size in px.

        Raises:
            ValueError: the image is so narrow that nothing of it is left.
        """
        resized = self.resized(height, width)
        if min(resized) < 1:
            raise ValueError("height and width must be > 0")  # Pillow's words
        top, left = self.corner(resized)
        rows = taps_of(height, resized[0], self.kernel, top, self.height)
        return rows, taps_of(width, resized[1], self.kernel, left, self.width)

    def inside(self, height: int, width: int) -> tuple[slice, slice]:
        """Returns the (rows, columns) of the cut that are not padding, for an image of a size in px."""
        resized = self.resized(height, width)
        return tuple(  # type: ignore[return-value] # of two sides
            slice(max(-first, 0), min(side, size - first))
            for first, side, size in zip(self.corner(resized), (self.height, self.width), resized, strict=True)
        )

    def converted(self, image: Image.Image) -> Image.Image:
        """Returns an image in the mode in which it is resized."""
        if self.colours == "last":
            return image
        is_transparent = "A" in image.getbands() or image.info.get("transparency") is not None
        if self.colours == "first_on_white" and is_transparent:
            image = image.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image).convert("RGB")
        return image if image.mode in ("RGB", "L") else image.convert("RGB")

    def by_pillow(self, image: Image.Image) -> Image.Image:
        """Returns the cut in the image's own mode, as torchvision makes it of images of any mode."""
        height, width = self.resized(image.height, image.width)
        image = image.resize((width, height), _RESAMPLING[self.kernel])
        down, across = max(self.height - image.height, 0), max(self.width - image.width, 0)
        if down or across:
            image = _padded(image, (across // 2, down // 2, (across + 1) // 2, (down + 1) // 2), self.fill)
        top, left = self.corner(image.size[::-1])
        return image.crop((left, top, left + self.width, top + self.height))

    def _offset(self, size: int, side: int) -> int:
        if side > size:
            return -((side - size) // 2)
        return round((size - side) / 2.0) if self.middle == "even" else (size - side) // 2


def _padded(image: Image.Image, border: tuple[int, int, int, int], level: int) -> Image.Image:
    bands = len(image.getbands())
    padded = ImageOps.expand(image, border, level if bands == 1 else (level,) * bands)
    if image.mode == "P" and (palette := image.getpalette()) is not None:
        padded.putpalette(palette)
    return padded
