"""What the device does by itself: products, copies, launches, passes of a model over tensors in its memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from babelsift.filters.clip import LoadedModel
from babelsift.filters.clip.residuals import input_dtype


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


def bare_pass(model: LoadedModel, rows: int, *, compiled: bool = False) -> Callable[[], torch.Tensor]:
    """Returns a pass of both towers over tensors in the device's memory, captions padded as open_clip pads them."""
    side = model.preprocess.transforms[0].size
    side = side if isinstance(side, int) else max(side)
    pixels = torch.rand(rows, 3, side, side, device=model.device).to(input_dtype(model.module, model.precision))
    tokens = model.tokenize(["a photograph of a dog in the snow"] * rows).to(model.device)
    image, text = model.module.encode_image, model.module.encode_text
    if compiled:
        image, text = torch.compile(image), torch.compile(text)

    def run() -> torch.Tensor:
        with torch.inference_mode():
            return image(pixels).float().sum() + text(tokens).float().sum()

    return run


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
