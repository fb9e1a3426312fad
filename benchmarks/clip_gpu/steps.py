"""How long each step of scoring takes, from tar to stored embeddings, while all of them go on at once.

On a GPU its steps are measured by CUDA events, on the stream that each is on: gaps between a pass's launches count as
work. Steps of this process are measured by its clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch

from babelsift.filters.clip.decoders import Coming, DecodedImages, Decoders
from babelsift.filters.clip.pixels.device_resize import ResizeBatch
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.filters.clip.towers.streams import CpuStreams, CudaStreams
from babelsift.pipelines.staging.scores.score_store import ScoreStore

STEPS = ("read", "tokenize", "decode", "copy", "resize", "images", "texts", "results", "store")
_TOWERS = ("images", "texts")
_BUSY = ("resize", *_TOWERS, "results")


@dataclass
class Clock:
    """Gathers what steps take.

    Attributes:
        device: a torch device, whose steps are measured there.
        taken: seconds of each step of this process.
        marks: (step, start, end) of the device's: events of a GPU; seconds of a CPU.
    """

    device: Any
    taken: list[tuple[str, float]] = field(default_factory=list)
    marks: list[tuple[str, Any, Any]] = field(default_factory=list)

    def here(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Returns a function that is timed by this process's clock."""

        def timed(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.taken.append((step, time.perf_counter() - started))

        return timed

    def there(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Returns a function whose work on the device is timed."""

        def timed(*arguments: Any, **named: Any) -> Any:
            start = self.mark()
            result = function(*arguments, **named)
            self.marks.append((step, start, self.mark()))
            return result

        return timed

    def mark(self) -> Any:
        """Returns this moment of the device's current stream."""
        if self.device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self.device))
        return event

    @contextmanager
    def watching(self, module: Any) -> Iterator[None]:
        """Times the steps of a model's scoring, but for reading, decoding and tokenizing, which are handed in."""
        with ExitStack() as stack:
            for owner, name, step in (
                (ResizeBatch, "on", "copy"),
                (ResizeBatch, "cut_out", "resize"),
                (CpuStreams, "fetch", "results"),
                (CudaStreams, "fetch", "results"),
            ):
                stack.enter_context(patch.object(owner, name, self.there(step, getattr(owner, name))))
            stack.enter_context(patch.object(ScoreStore, "add", self.here("store", ScoreStore.add)))
            self._watch(stack, "images", module.visual, module.visual)
            text = module if hasattr(module, "token_embedding") else module.text
            self._watch(stack, "texts", getattr(text, "token_embedding", text), getattr(text, "ln_final", text))
            yield

    def _watch(self, stack: ExitStack, step: str, first: Any, last: Any) -> None:
        """Times a tower from the start of its first module to the end of its last."""
        starts: list[Any] = []
        begin = first.register_forward_pre_hook(lambda *_: starts.append(self.mark()))
        end = last.register_forward_hook(lambda *_: self.marks.append((step, starts.pop(), self.mark())))
        stack.callback(begin.remove)
        stack.callback(end.remove)

    def milliseconds(self, step: str) -> float:
        """Returns what a step took in all."""
        here = sum(seconds for name, seconds in self.taken if name == step)
        return 1e3 * (here + sum(self._seconds(start, end) for name, start, end in self.marks if name == step))

    def busy_seconds(self) -> float:
        """Returns how long a GPU was at work, but for copies to it; of a CPU, how long in the towers."""
        steps = _BUSY if self.device.type == "cuda" else _TOWERS
        chosen = [(start, end) for step, start, end in self.marks if step in steps]
        if not chosen:
            return 0.0
        first = chosen[0][0]
        spans = sorted((self._seconds(first, start), self._seconds(first, end)) for start, end in chosen)
        busy, until = 0.0, float("-inf")
        for start, end in spans:
            busy += max(0.0, end - max(start, until))
            until = max(until, end)
        return busy

    def _seconds(self, start: Any, end: Any) -> float:
        return start.elapsed_time(end) / 1e3 if self.device.type == "cuda" else end - start


@dataclass
class TimedDecoders:
    """Decoders whose batches are timed, from being asked for to being there."""

    decoders: Decoders
    clock: Clock

    def decode(self, images: Sequence[bytes | None], geometry: Geometry, *, leave_whole: bool) -> Coming:
        """Begins to decode images; see `Decoders`."""
        started = time.perf_counter()
        return _TimedComing(self.decoders.decode(images, geometry, leave_whole=leave_whole), self.clock, started)


@dataclass
class _TimedComing:
    coming: Coming
    clock: Clock
    started: float

    def result(self) -> DecodedImages:
        """Waits for them."""
        found = self.coming.result()
        self.clock.taken.append(("decode", time.perf_counter() - self.started))
        return found
