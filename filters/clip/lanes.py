"""Spreads batches over a model's devices: each goes to the device that has the least to do, whatever its stream."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class Lanes:
    """The threads that feed a model's devices, one a lane; safe to share between streams.

    Args:
        devices: the index of the device that each lane feeds, as `lanes_of` gives them.
    """

    def __init__(self, devices: Sequence[int]) -> None:
        self.devices = tuple(devices)
        self._lock = threading.Lock()
        self._turn = 0
        self._waiting = [0] * len(self.devices)
        self._last_turn = [0] * len(self.devices)
        self._threads = [ThreadPoolExecutor(1, "clip-embed") for _ in self.devices]

    def __len__(self) -> int:
        return len(self.devices)

    def submit(self, function: Callable[[Any, int], _Result], batch: Any) -> Future[_Result]:
        """Calls a function with a batch and a device's index, in a lane of that device; returns its result to come.

        Args:
            function: takes the batch and the device's index.
            batch: passed on.
        """
        with self._lock:
            lane = min(range(len(self.devices)), key=self._work_before)
            self._turn += 1
            self._last_turn[lane] = self._turn
            self._waiting[lane] += 1
        return self._threads[lane].submit(self._call, function, batch, lane)

    def _call(self, function: Callable[[Any, int], _Result], batch: Any, lane: int) -> _Result:
        try:
            return function(batch, self.devices[lane])
        finally:
            with self._lock:
                self._waiting[lane] -= 1

    def _work_before(self, lane: int) -> tuple[int, int, int]:
        """Orders lanes: by the batches of their device, by their own, by when they were used last."""
        of_device = sum(
            waiting for device, waiting in zip(self.devices, self._waiting, strict=True) if device == self.devices[lane]
        )
        return of_device, self._waiting[lane], self._last_turn[lane]
