"""The order of work on a device: the next batch is copied there while the last is computed.

A GPU has one stream for copies and another for computing, and one thread that launches on both and waits for neither.
Results lie in pinned memory once their event has come to pass. A CPU does one thing after the other.

Imports torch.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch

from babelsift.filters.clip.towers.memory import is_out_of_memory

_LOG = logging.getLogger(__name__)

Move = Callable[[torch.Tensor], torch.Tensor]
Wait = Callable[[], None]


class Streams(Protocol):
    """A device's streams, as the towers use them: copy, compute, fetch."""

    def copying(self) -> contextlib.AbstractContextManager[Move]:
        """Gives what copies tensors to the device; what is computed afterwards waits for the copies."""

    def copied(self) -> Wait:
        """Returns what waits until the copies so far are made, and their sources may be changed."""

    def computing(self) -> contextlib.AbstractContextManager[None]:
        """Computes after the copies so far, and after what was computed before."""

    def fetch(self, result: torch.Tensor) -> Callable[[], np.ndarray]:
        """Returns what waits for a result and gives it."""

    def free_memory(self) -> None:
        """Waits for all work, and gives memory that nothing uses back to the device."""


class CpuStreams:
    """A device that computes when it is asked to."""

    def __init__(self, device: Any) -> None:
        self._device = device

    @contextlib.contextmanager
    def copying(self) -> Iterator[Move]:
        """Gives what copies tensors to the device."""
        yield lambda tensor: tensor.to(self._device)

    def copied(self) -> Wait:
        """Returns what waits for the copies so far."""
        return lambda: None

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Computes after the copies so far."""
        yield

    def fetch(self, result: torch.Tensor) -> Callable[[], np.ndarray]:
        """Returns what waits for a result and gives it."""
        values = result.cpu().numpy()
        return lambda: values

    def free_memory(self) -> None:
        """A CPU has its memory back at once."""


class CudaStreams:
    """A GPU's two streams.

    Args:
        device: a torch device.
        cuda: `torch.cuda`, or what stands in for it in a test.
        pin: puts a tensor's memory where a GPU copies from and to by itself.
    """

    def __init__(self, device: Any, *, cuda: Any = torch.cuda, pin: Move | None = None) -> None:
        self._device = device
        self._cuda = cuda
        self._pin = pin or (lambda tensor: tensor.pin_memory())
        self._copies, self._work = (cuda.Stream(device=device) for _ in range(2))
        self._copied: Any = None
        cuda.synchronize(device)  # the model came here on the default stream, for which these do not wait

    @contextlib.contextmanager
    def copying(self) -> Iterator[Move]:
        """Gives what copies tensors to the device."""
        with self._cuda.device(self._device), self._cuda.stream(self._copies):
            yield self._move
            copied = self._cuda.Event()
            copied.record(self._copies)
        # Only now: another thread that waited for an event before it is recorded would not wait at all.
        self._copied = copied

    def copied(self) -> Wait:
        """Returns what waits for the copies so far."""
        event = self._copied
        return lambda: event.synchronize()

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Computes after the copies so far."""
        with self._cuda.device(self._device), self._cuda.stream(self._work):
            if self._copied is not None:
                self._work.wait_event(self._copied)
            yield

    def fetch(self, result: torch.Tensor) -> Callable[[], np.ndarray]:
        """Returns what waits for a result and gives it."""
        target = self._pinned(torch.empty(result.shape, dtype=result.dtype))
        target.copy_(result, non_blocking=True)
        done = self._cuda.Event()
        done.record(self._work)

        def wait() -> np.ndarray:
            done.synchronize()
            return target.numpy()

        return wait

    def free_memory(self) -> None:
        """Waits for all work and gives unused memory back."""
        self._cuda.synchronize(self._device)
        self._cuda.empty_cache()

    def _move(self, tensor: torch.Tensor) -> torch.Tensor:
        moved = self._pinned(tensor).to(self._device, non_blocking=True)
        # It is allocated for the copies: without this its memory would serve the next copy while work still reads it.
        moved.record_stream(self._work)
        return moved

    def _pinned(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.is_pinned():
            return tensor
        try:
            return self._pin(tensor)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            _LOG.warning("%s: no memory can be pinned; copies from there wait for it", self._device)
            return tensor


_pinned_places: set[int] = set()


def pin_once(memory: np.ndarray) -> None:
    """Registers memory that lasts with CUDA, so that GPUs copy from it by themselves; where it cannot be, goes on.

    Args:
        memory: uint8[any], shared memory that is there as long as this process is.
    """
    place = memory.ctypes.data
    if place in _pinned_places:
        return
    _pinned_places.add(place)
    outcome = torch.cuda.cudart().cudaHostRegister(place, memory.nbytes, 0)
    if int(outcome) != 0:
        _LOG.warning(
            "%d MiB of memory cannot be pinned (%s); copies from there are slower", memory.nbytes >> 20, outcome
        )
