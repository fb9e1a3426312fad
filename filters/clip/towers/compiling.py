"""Compiles towers by torch.compile, each for itself: torch counts what it compiles of a function, and stops at eight.

Imports torch.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch

from babelsift.filters.clip.towers.memory import is_out_of_memory
from babelsift.schemas import ModelError, one_line

Encode = Callable[..., torch.Tensor]

_numbers = itertools.count()


def as_it_is(encode: Encode) -> Encode:
    """Returns the encoding as it is."""
    return encode


def compile_tower(encode: Encode, *, backend: Any = "inductor") -> Encode:
    """Returns a tower's encoding, compiled at its first call: one graph for all numbers of rows.

    Args:
        encode: takes tensors.
        backend: of torch.compile.

    Raises:
        ModelError: by the returned function, where this machine cannot compile it.
    """
    # Numbers of rows differ from batch to batch on a CPU, where a block of the last one is as many as it needs.
    compiled = torch.compile(_of_its_own(encode), dynamic=True, backend=backend)

    @functools.wraps(compiled)
    def run(*values: torch.Tensor) -> torch.Tensor:
        try:
            return compiled(*values)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            encode(*values)  # a fault other than compiling shows here, too, and is the error to raise
            raise ModelError(
                f"torch.compile cannot compile the model here: {one_line(error)}; "
                "install a C++ compiler (g++), or set compiled to false"
            ) from error

    return run


def _of_its_own(encode: Encode) -> Encode:
    """Returns a function that calls a tower, and whose code no other tower has.

    Dynamo keeps what it compiles by code, and beyond eight of one code it silently runs the model as it is: with the
    code of `encode_image` that is the ninth length, model or device of a process.
    """

    def call(*values: torch.Tensor) -> torch.Tensor:
        return encode(*values)

    code = call.__code__.replace(co_name=f"encode_{next(_numbers)}")
    own = FunctionType(code, call.__globals__, code.co_name, call.__defaults__, call.__closure__)
    own.__wrapped__ = encode  # type: ignore[attr-defined] # functools' word for it
    return own
