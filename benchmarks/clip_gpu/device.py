"""What the device does by itself: products, copies, launches, passes of a model over tensors in its memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from babelsift.filters.clip import LoadedModel
from babelsift.filters.clip.residuals import input_dtype
from babelsift.filters.clip.towers import Towers, whole_blocks
from babelsift.filters.clip.towers.compiling import compile_tower
from babelsift.filters.clip.towers.packed import TOKENS_PER_CAPTION, pack

_LEFT_BYTES = 2 * 2**30
_PLAYED_ROWS = 16


def synchronize(device: Any) -> None:
    """Waits for a device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(function: Callable[[], object], device: Any, *, runs: int = 5) -> float:
    """Returns the seconds of a call, the median of some, the device's work included."""
    function()
    taken = []
    for _ in range(runs):
        synchronize(device)
        started = time.perf_counter()
        function()
        synchronize(device)
        taken.append(time.perf_counter() - started)
    return sorted(taken)[len(taken) // 2]


def ceilings(device: Any) -> dict[str, float]:
    """Returns TFLOP/s of products in fp32 and bf16, GB/s of copies to the device, and launches a second."""
    side = 8192 if device.type == "cuda" else 512
    found = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        left, right = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
        found[f"{name}_tflops"] = 2 * side**3 / seconds(lambda left=left, right=right: left @ right, device) / 1e12
    size = 2**28 if device.type == "cuda" else 2**24
    host = torch.empty(size, dtype=torch.uint8)
    host = host.pin_memory() if device.type == "cuda" else host
    target = torch.empty(size, dtype=torch.uint8, device=device)
    found["copy_gb_s"] = size / seconds(lambda: target.copy_(host, non_blocking=True), device) / 1e9
    small = torch.zeros(8, device=device)

    def launch() -> None:
        for _ in range(1000):
            small.add_(1)

    found["launches_s"] = 1000 / seconds(launch, device)
    return found


class BarePasses:
    """Passes of both towers over tensors in the device's memory.

    Captions are padded as open_clip pads them, or packed as they are scored on GPUs. A pass is made in one of the ways
    `eager`, `packed`, `compiled`, `graph` and `packed_graph`, the last two CUDA graphs of the first two.

    Args:
        model: loaded.
    """

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._module = model.module
        # Once, and for all numbers of rows: minutes of a large model.
        self._compiled = compile_tower(self._module.encode_image), compile_tower(self._module.encode_text)

    def of(self, way: str, rows: int) -> Callable[[], object] | None:
        """Returns a pass; None where the model's captions cannot be packed.

        Args:
            way: see the class.
            rows: pairs of a pass.
        """
        tokens = self._model.tokenize(["a photograph of a dog in the snow"] * rows)
        if way.startswith("packed"):
            text = self._packed(tokens, rows)
            passed = None if text is None else self._pass(self._module.encode_image, text, rows)
        else:
            image, encode = (
                self._compiled if way == "compiled" else (self._module.encode_image, self._module.encode_text)
            )
            there = tokens.to(self._model.device)
            passed = self._pass(image, lambda: encode(there), rows)
        return graphed(passed) if passed is not None and way.endswith("graph") else passed

    def _pass(
        self, image: Callable[..., torch.Tensor], text: Callable[[], torch.Tensor], rows: int
    ) -> Callable[[], torch.Tensor]:
        side = self._model.preprocess.transforms[0].size  # type: ignore[attr-defined]
        side = side if isinstance(side, int) else max(side)
        pixels = torch.rand(rows, 3, side, side, device=self._model.device)
        pixels = pixels.to(input_dtype(self._module, self._model.precision))

        def run() -> torch.Tensor:
            with torch.inference_mode():
                return image(pixels).float().sum() + text().float().sum()

        return run

    def _packed(self, tokens: torch.Tensor, rows: int) -> Callable[[], torch.Tensor] | None:
        towers = Towers(self._module, self._model.device, rows=rows)
        packed = towers.packed
        if packed is None:
            return None
        row = max(rows * TOKENS_PER_CAPTION, whole_blocks(tokens.shape[1]))
        (one,) = pack(tokens.numpy(), towers.last_tokens(tokens).numpy(), captions=rows, row=row)
        parts = one.on(lambda tensor: tensor.to(self._model.device)).parts()
        return lambda: packed(*parts)


def graphed(run: Callable[[], torch.Tensor]) -> Callable[[], object]:
    """Returns a pass as a CUDA graph."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def peak_gib(device: Any) -> float:
    """Returns the most memory that tensors took on a device since this was last asked; 0 on a CPU."""
    if device.type != "cuda":
        return 0.0
    peak = torch.cuda.max_memory_allocated(device) / 2**30
    torch.cuda.reset_peak_memory_stats(device)
    return peak


@contextmanager
def little_memory(device: Any, module: Any, say: Callable[[str], None]) -> Iterator[None]:
    """Takes a device's memory but for 2 GiB; a CPU's image tower says that it has none for more than 16 images.

    Args:
        device: a torch device.
        module: a model of open_clip.
        say: prints that a CPU's shortage is played.
    """
    if device.type != "cuda":
        say(f"little_memory: played, as there is no GPU: a pass of more than {_PLAYED_ROWS} images has no memory")
        hook = module.visual.register_forward_pre_hook(_refuse_many)
        try:
            yield
        finally:
            hook.remove()
        return
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(device)
    taken = torch.empty(max(0, free - _LEFT_BYTES), dtype=torch.uint8, device=device)
    try:
        yield
    finally:
        del taken
        torch.cuda.empty_cache()


def _refuse_many(_: Any, arguments: Any) -> None:
    if len(arguments[0]) > _PLAYED_ROWS:
        raise torch.OutOfMemoryError("played")
