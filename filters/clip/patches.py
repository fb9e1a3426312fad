"""Keeps fp32 what is called fp32: without TF32, cuDNN's default on GPUs, which keeps 10 bits of each number's fraction.

A vision transformer cuts an image into patches by a convolution that does not overlap, which is one product of a
matrix. As a product it is fp32, since torch multiplies matrices in TF32 only where it is asked to.

Imports torch; `babelsift.filters.clip.models` imports this module when a model is loaded.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import linear


def without_tf32(module: Any) -> Any:
    """Lets a module on a GPU compute its convolutions in the precision of its weights; returns the module.

    Convolutions that cut patches become products. For others, such as a ResNet's, cuDNN's TF32 is turned off in this
    process.

    Args:
        module: a torch module; its weights and their names stay as they are.
    """
    for layer in module.modules():
        if type(layer) is not torch.nn.Conv2d:
            continue
        if _cuts_patches(layer):
            layer.__class__ = PatchProduct
        elif layer.weight.dtype == torch.float32:
            torch.backends.cudnn.allow_tf32 = False
    return module


def multiplies_in_tf32() -> bool:
    """Returns whether this process lets GPUs multiply matrices of fp32 in less: by default not."""
    return torch.get_float32_matmul_precision() != "highest"


class PatchProduct(torch.nn.Conv2d):
    """A convolution that cuts an image into patches, as one product of a matrix."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Returns the patches' features: [images, channels, height / patch, width / patch], as a convolution does."""
        images, channels, height, width = input.shape
        down, across = self.kernel_size
        rows, columns = height // down, width // across
        whole = input[:, :, : rows * down, : columns * across]
        patches = whole.reshape(images, channels, rows, down, columns, across).permute(0, 2, 4, 1, 3, 5)
        flat = patches.reshape(images, rows * columns, channels * down * across)
        features = linear(flat, self.weight.reshape(self.out_channels, -1), self.bias)
        return features.transpose(1, 2).reshape(images, self.out_channels, rows, columns)


def _cuts_patches(layer: torch.nn.Conv2d) -> bool:
    fits = layer.kernel_size == layer.stride and layer.groups == 1 and not isinstance(layer.padding, str)
    return fits and not any(layer.padding) and set(layer.dilation) == {1}
