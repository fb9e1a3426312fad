"""Resizes a batch of images on a model's device bit for bit as Pillow does, as two products of matrices.

Pillow's weights are whole numbers of 22 bits. A GPU multiplies fast in fp32, whose sums are exact below 2**24. So a
weight is cut into parts, so short that no sum of a part's products reaches that; each part is multiplied by itself, and
the sums are put together as whole numbers. Neither the order of adding matters then, nor whose company an image is in.
The cut of the middle costs nothing: it is rows and columns that the matrices do not have.

Imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

from babelsift.filters.clip.patches import multiplies_in_tf32
from babelsift.filters.clip.pixels.coefficients import FRACTION_BITS, Taps
from babelsift.filters.clip.pixels.geometry import Geometry

Move = Callable[[torch.Tensor], torch.Tensor]

_EXACT = 2**24  # below it fp32 holds all whole numbers
_PART_BITS = 11
_WEIGHT_BITS = FRACTION_BITS + 1  # a weight may be a little above 1
# Values of images, padded to the largest of them, that are resized at once: bounds memory, changes no pixel.
_VALUES_AT_ONCE = 2**25
_CONVERSIONS = {"MaybeConvertMode", "_convert_to_rgb"}
_KERNELS = {
    InterpolationMode.BILINEAR: "bilinear",
    InterpolationMode.BICUBIC: "bicubic",
    InterpolationMode.LANCZOS: "lanczos",
}


def geometry_of(transform: Compose) -> Geometry | None:
    """Returns what the first steps of open_clip's transform do to an image; None where they are of an unusual kind.

    Args:
        transform: its steps before the conversion to a tensor.
    """
    first, *rest = transform.transforms
    if hasattr(first, "geometry"):  # a `ProcessorCut`, which knows its own
        return first.geometry
    rest = [step for step in rest if not {type(step).__name__, getattr(step, "__name__", "")} & _CONVERSIONS]
    kernel = _KERNELS.get(getattr(first, "interpolation", None))
    if kernel is None or len(rest) > 1 or (rest and type(rest[0]).__name__ not in ("CenterCrop", "CenterCropOrPad")):
        return None
    cut = tuple(int(side) for side in rest[0].size) if rest else None
    fill = getattr(rest[0], "fill", 0) if rest and not isinstance(rest[0], CenterCrop) else 0
    if not isinstance(fill, int):
        return None
    if type(first) is Resize:
        return _of_resize(first, cut, kernel, fill)
    is_known = type(first).__name__ == "ResizeKeepRatio" and first.longest in (0.0, 1.0)
    if cut is None or not is_known or first.size != cut:
        return None
    if first.random_scale_prob or first.random_aspect_prob:
        return None
    return Geometry(cut[0], cut[1], "contain" if first.longest else "cover", kernel, fill)


def _of_resize(first: Resize, cut: tuple[int, ...] | None, kernel: str, fill: int) -> Geometry | None:
    if first.max_size is not None:
        return None
    sides = (first.size,) if isinstance(first.size, int) else tuple(first.size)
    if len(sides) == 2:
        return Geometry(sides[0], sides[1], "squash", kernel) if cut in (None, sides) else None
    return Geometry(sides[0], sides[0], "shorter", kernel, fill) if cut == (sides[0], sides[0]) else None


@dataclass(frozen=True)
class WholeImages:
    """Images of any sizes in one piece of memory, so that they are copied to a device together.

    Attributes:
        values: uint8[any], in which the images lie.
        starts: the index in `values` of each image's first value.
        sizes: (height, width) of each image; its values are height * width * 3.
    """

    values: torch.Tensor
    starts: tuple[int, ...]
    sizes: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, images: Sequence[torch.Tensor]) -> WholeImages:
        """Returns images, uint8[height, width, 3] each, together."""
        sizes = tuple((int(image.shape[0]), int(image.shape[1])) for image in images)
        starts = np.cumsum([0, *(height * width * 3 for height, width in sizes)]).tolist()[:-1]
        return cls(torch.cat([image.reshape(-1) for image in images]), tuple(starts), sizes)

    def __len__(self) -> int:
        return len(self.sizes)


@dataclass(frozen=True)
class ResizeBatch:
    """Images on their way to what a model sees of them: planned on the CPU, moved, then cut out on the device.

    Attributes:
        values: uint8[any], as of `WholeImages`.
        runs: images that are resized at once.
        geometry: which part of each is cut out, at which size.
    """

    values: torch.Tensor
    runs: tuple[_Run, ...]
    geometry: Geometry

    @classmethod
    def of(cls, images: WholeImages, geometry: Geometry) -> ResizeBatch:
        """Returns the plan of a batch.

        Args:
            images: not higher than 100 times their width, which Pillow treats in its own way.
            geometry: which part of an image a model sees, at which size.
        """
        runs = tuple(_Run.of(images, rows, geometry) for rows in _together(images))
        return cls(images.values, runs, geometry)

    def __len__(self) -> int:
        return sum(run.images for run in self.runs)

    def on(self, move: Move) -> ResizeBatch:
        """Returns the batch on a device.

        Args:
            move: copies a tensor there.
        """
        values = move(self.values)
        return replace(self, values=values, runs=tuple(replace(run, numbers=move(run.numbers)) for run in self.runs))

    def cut_out(self) -> torch.Tensor:
        """Returns uint8[images, 3, height, width]: what a model sees of each image."""
        cuts = [run.cut_out(self.values, self.geometry) for run in self.runs]
        return cuts[0] if len(cuts) == 1 else torch.cat(cuts)


def _together(images: WholeImages) -> Iterator[list[int]]:
    """Yields runs of images that are resized at once, as many as are below a bound of values when padded."""
    rows: list[int] = []
    height = width = 0
    for row, size in enumerate(images.sizes):
        height, width = max(height, size[0]), max(width, size[1])
        if rows and (len(rows) + 1) * height * width * 3 > _VALUES_AT_ONCE:
            yield rows
            rows, (height, width) = [], size
        rows.append(row)
    if rows:
        yield rows


@dataclass(frozen=True)
class _Run:
    """Images that are resized at once.

    Attributes:
        numbers: int32[any], in one piece all that a device has to know of them.
        layout: the name and shape of each piece of `numbers`.
        images: how many they are.
        most: height and width to which they are padded.
        taps: at the most, of a row and of a column.
    """

    numbers: torch.Tensor
    layout: tuple[tuple[str, tuple[int, ...]], ...]
    images: int
    most: tuple[int, int]
    taps: tuple[int, int]

    @classmethod
    def of(cls, images: WholeImages, rows: list[int], geometry: Geometry) -> _Run:
        sizes = [images.sizes[row] for row in rows]
        down, across = zip(*(geometry.taps(*size) for size in sizes), strict=True)
        pieces = {
            "start": np.array([images.starts[row] for row in rows]),
            "size": np.array(sizes),
            **_stacked("down", down),
            **_stacked("across", across),
            "inside": np.array([_edges(geometry, size) for size in sizes]),
        }
        numbers = np.concatenate([piece.reshape(-1) for piece in pieces.values()]).astype(np.int32)
        layout = tuple((name, piece.shape) for name, piece in pieces.items())
        most = max(height for height, _ in sizes), max(width for _, width in sizes)
        taps = pieces["down weights"].shape[2], pieces["across weights"].shape[2]
        return cls(torch.from_numpy(numbers), layout, len(rows), most, taps)

    def cut_out(self, values: torch.Tensor, geometry: Geometry) -> torch.Tensor:
        parts = self.numbers.split([int(np.prod(shape)) for _, shape in self.layout])
        facts = {name: part.view(shape) for (name, shape), part in zip(self.layout, parts, strict=True)}
        pixels = _padded(values, facts["start"], facts["size"], self.most)
        lines = _weighed(pixels, facts["across starts"], facts["across weights"], along=3, most=self.taps[1])
        cut = _weighed(lines, facts["down starts"], facts["down weights"], along=2, most=self.taps[0]).to(torch.uint8)
        return _filled(cut, facts["inside"], geometry.fill) if geometry.rule == "contain" else cut


def _stacked(name: str, taps: Sequence[Taps]) -> dict[str, np.ndarray]:
    most = max(each.weights.shape[1] for each in taps)
    weights = np.zeros((len(taps), len(taps[0].starts), most), np.int64)
    for row, each in enumerate(taps):
        weights[row, :, : each.weights.shape[1]] = each.weights
    return {f"{name} starts": np.stack([each.starts for each in taps]).astype(np.int64), f"{name} weights": weights}


def _edges(geometry: Geometry, size: tuple[int, int]) -> tuple[int, int, int, int]:
    rows, columns = geometry.inside(*size)
    return rows.start, rows.stop, columns.start, columns.stop


def _padded(values: torch.Tensor, start: torch.Tensor, size: torch.Tensor, most: tuple[int, int]) -> torch.Tensor:
    """Returns float32[images, 3, height, width]; what lies beyond an image is any level, and has no weight."""
    height, width = most
    device = values.device
    row = torch.arange(height, device=device).view(1, 1, -1, 1)
    column = torch.arange(width, device=device).view(1, 1, 1, -1)
    band = torch.arange(3, device=device).view(1, -1, 1, 1)
    of_image = size[:, 1].view(-1, 1, 1, 1).to(torch.int64)
    places = start.view(-1, 1, 1, 1).to(torch.int64) + (row * of_image + column) * 3 + band
    return values.take(places.clamp_(max=len(values) - 1)).to(torch.float32)


def _weighed(
    pixels: torch.Tensor, starts: torch.Tensor, weights: torch.Tensor, *, along: int, most: int
) -> torch.Tensor:
    """Returns the pixels, weighted along an axis and rounded to whole levels, float32.

    Args:
        pixels: float32[images, 3, height, width], of whole levels.
        starts: int32[images, targets].
        weights: int32[images, targets, taps].
        along: the axis of `pixels`, 2 or 3.
        most: taps of a target, at the most.
    """
    sources = pixels.shape[along]
    places = (starts.unsqueeze(-1).to(torch.int64) + torch.arange(weights.shape[2], device=pixels.device)).clamp_(
        max=sources - 1
    )
    sums = None
    for part, shift in _parts(weights, most):
        # Added, as clamped places come several times, all but one of them with no weight.
        matrix = pixels.new_zeros((*places.shape[:2], sources)).scatter_add_(2, places, part.to(torch.float32))
        if along == 3:
            product = torch.matmul(pixels.flatten(1, 2), matrix.transpose(1, 2)).unflatten(1, pixels.shape[1:3])
        else:
            product = torch.matmul(matrix.unsqueeze(1), pixels)
        whole = product.to(torch.int32) * (1 << shift)
        sums = whole if sums is None else sums.add_(whole)
    assert sums is not None
    return sums.add_(1 << (FRACTION_BITS - 1)).bitwise_right_shift_(FRACTION_BITS).clamp_(0, 255).to(torch.float32)


def _parts(weights: torch.Tensor, taps: int) -> Iterator[tuple[torch.Tensor, int]]:
    """Yields parts of weights and what each is to be shifted left by: together they are the weights.

    All but the last have so few bits that a sum of as many products with levels is exact. So is that of the last, since
    the absolute sum of all weights is below 1.7 * 2**22 for every kernel.
    """
    bits = min(_PART_BITS, (_EXACT // (255 * taps)).bit_length() - 1)
    # TF32, where somebody has allowed it, holds 11 bits of a number.
    most_bits_of_last = _PART_BITS if multiplies_in_tf32() else _PART_BITS + 1
    shift, left = 0, weights
    while _WEIGHT_BITS - shift > most_bits_of_last:
        rest = left.bitwise_right_shift(bits)
        yield left - rest * (1 << bits), shift
        left, shift = rest, shift + bits
    yield left, shift


def _filled(cut: torch.Tensor, inside: torch.Tensor, level: int) -> torch.Tensor:
    top, bottom, left, right = (edge.view(-1, 1, 1, 1) for edge in inside.unbind(1))
    row = torch.arange(cut.shape[2], device=cut.device).view(1, 1, -1, 1)
    column = torch.arange(cut.shape[3], device=cut.device).view(1, 1, 1, -1)
    is_inside = (row >= top) & (row < bottom) & (column >= left) & (column < right)
    return cut.masked_fill(~is_inside, level)
