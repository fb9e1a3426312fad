"""Images decoded a second, with no model: by threads, by processes, and on the device by nvJPEG."""

from __future__ import annotations

import io
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from babelsift.filters.clip.decoders import Decoders, DecoderThreads
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.pipelines.stages.score.feed import DecodeProcesses
from babelsift.pipelines.stages.score.models import decode_processes
from babelsift.schemas import one_line
from benchmarks.clip_gpu.device import seconds
from benchmarks.harness.outcome import Figure

Say = Callable[[str], None]


def by_decoders(images: Sequence[bytes], geometry: Geometry, batches: int) -> Iterator[tuple[str, Figure]]:
    """Yields what threads and processes decode, and what of a core of this process each takes.

    Args:
        images: files of a batch.
        geometry: which part of an image a model sees.
        batches: how many are decoded.
    """
    for leave_whole in (False, True):
        for name, decoders in _decoders(len(images)):
            _decode(decoders, images, geometry, 1, leave_whole)
            own, started = time.process_time(), time.perf_counter()
            _decode(decoders, images, geometry, batches, leave_whole)
            taken = time.perf_counter() - started
            what = f"{name}_{'whole' if leave_whole else 'cut'}"
            yield f"feed_{what}", Figure("images/s", len(images) * batches / taken)
            yield f"feed_{what}_this_process", Figure("cores", (time.process_time() - own) / taken)


def by_torchvision(images: Sequence[bytes], device: Any, say: Say) -> Iterator[tuple[str, Figure]]:
    """Yields what torchvision decodes on the device, by nvJPEG on a GPU, and how far that is from Pillow's pixels.

    Args:
        images: JPEG files of a batch.
        device: a torch device.
        say: prints why it is left out, where it is.
    """
    name = "nvjpeg" if device.type == "cuda" else "torchvision"
    if device.type != "cuda":
        say("feed: nvjpeg: left out, it needs a GPU; the same function is tried on the CPU")
    files = [torch.frombuffer(bytearray(image), dtype=torch.uint8) for image in images]
    try:
        from torchvision.io import ImageReadMode, decode_jpeg

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is deprecated, which is known
            decode = lambda: decode_jpeg(files, mode=ImageReadMode.RGB, device=device)  # noqa: E731
            found = [pixels.cpu().permute(1, 2, 0).numpy() for pixels in decode()]
            pace = len(images) / seconds(decode, device)
    except (ImportError, RuntimeError) as error:
        say(f"feed: {name}: left out, this torchvision does not do it: {one_line(error)}")
        return
    yield f"feed_{name}", Figure("images/s", pace)
    expected = [np.asarray(Image.open(io.BytesIO(image)).convert("RGB")) for image in images]
    away = [np.abs(np.subtract(one, other, dtype=np.int16)) for one, other in zip(found, expected, strict=True)]
    unlike = sum(np.count_nonzero(each) for each in away) / sum(each.size for each in away)
    yield f"feed_{name}_unlike_pillow", Figure("of all levels", float(unlike))
    yield f"feed_{name}_most_unlike_pillow", Figure("levels", float(max(each.max() for each in away)))


def _decoders(rows: int) -> Iterator[tuple[str, Decoders]]:
    yield "threads", DecoderThreads()
    processes = DecodeProcesses(decode_processes(1), rows)
    yield "processes", processes
    processes.close()


def _decode(decoders: Decoders, images: Sequence[bytes], geometry: Geometry, batches: int, leave_whole: bool) -> None:
    """Decodes batches, one being decoded while the last is waited for."""
    last = None
    for _ in range(batches):
        coming = decoders.decode(images, geometry, leave_whole=leave_whole)
        if last is not None:
            last.result().release()
        last = coming
    if last is not None:
        last.result().release()
