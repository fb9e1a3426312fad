"""The parts of the benchmark, each of which prints its figures as it ends."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from babelsift.filters.clip import ClipScorer, LoadedModel
from babelsift.filters.clip.decoders import Decoders, DecoderThreads
from babelsift.filters.clip.devices import devices_for, usable_cores
from babelsift.filters.clip.pixels.cpu_resize import cut_out
from babelsift.filters.clip.pixels.device_resize import ResizeBatch, WholeImages
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.feed import DecodeProcesses
from babelsift.pipelines.stages.score.models import decode_processes
from babelsift.pipelines.stages.score.shard_scoring import RoutedRows, ShardScoring
from babelsift.pipelines.staging.images import read_staged_images
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas.recipe import Route
from benchmarks.clip_gpu.device import bare_pass, ceilings, graphed, peak_gib, seconds
from benchmarks.clip_gpu.workload import Workload, number
from benchmarks.harness.outcome import Figure, Outcome

PARTS = ("ceilings", "bare", "feed", "resize", "end_to_end", "bits", "little_memory")
_ROWS_PER_PART = 2048
_GOALS = {"ViT-B-32": 20_000, "ViT-L-14": 2_500}
_LEFT_BYTES = 2 * 2**30

Figures = dict[str, Figure]


def run() -> Outcome:
    """Runs the parts that PARTS names, or all."""
    wanted = os.environ.get("PARTS", ",".join(PARTS)).split(",")
    if unknown := [part for part in wanted if part not in PARTS]:
        raise SystemExit(f"clip_gpu: no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    device = devices_for(None)[0]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU: sizes are those of a try"
    _say(f"{name}; {usable_cores()} cores; torch {torch.__version__}")
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as home:
        bench = _Bench(Workload(Path(home)), device)
        for part in wanted:
            started = time.perf_counter()
            for figure_name, figure in getattr(bench, part)():
                figures[figure_name] = figure
                goal = f" (goal {figure.goal})" if figure.goal else ""
                _say(f"{part}: {figure_name}: {figure.ours:.4g} {figure.unit}{goal}")
            _say(f"{part}: {time.perf_counter() - started:.0f} s")
    return Outcome("clip_gpu", f"{name}; {', '.join(wanted)}", figures)


def _say(text: str) -> None:
    print(f"clip_gpu: {text}", flush=True)


class _Bench:
    """The parts; what they share is made once."""

    def __init__(self, workload: Workload, device: Any) -> None:
        self._workload = workload
        self._device = device
        self._is_gpu = device.type == "cuda"
        self._models: dict[str, LoadedModel] = {}
        self._bare_pace: dict[str, float] = {}

    def ceilings(self) -> Iterator[tuple[str, Figure]]:
        for name, value in ceilings(self._device).items():
            yield name, Figure("TFLOP/s" if "tflops" in name else "GB/s" if "copy" in name else "1/s", value)

    def bare(self) -> Iterator[tuple[str, Figure]]:
        rows_of = os.environ.get("ROWS", "64,128,256,512,1024" if self._is_gpu else "16")
        for name in self._names():
            for rows in map(int, rows_of.split(",")):
                passed = bare_pass(self._model(name), rows)
                ways: dict[str, Callable[[], object]] = {"eager": passed}
                if self._is_gpu:
                    ways["graph"] = graphed(passed)
                    ways["compiled"] = bare_pass(self._model(name), rows, compiled=True)
                for way, call in ways.items():
                    pace = rows / seconds(call, self._device)
                    self._bare_pace[name] = max(pace, self._bare_pace.get(name, 0))
                    yield f"bare_{name}_{rows}_{way}", Figure("pairs/s", pace)
                if self._is_gpu:
                    yield f"bare_{name}_{rows}_peak", Figure("GiB", peak_gib(self._device))

    def feed(self) -> Iterator[tuple[str, Figure]]:
        rows, geometry = number("BATCH", 256, 64, self._is_gpu), Geometry(224, 224)
        images = [image for image, _ in self._workload.pairs(rows)]
        batches = number("BATCHES", 40, 4, self._is_gpu)
        for leave_whole in (False, True):
            for name, decoders in self._decoders(rows):
                _decode(decoders, images, geometry, 1, leave_whole)
                own, started = time.process_time(), time.perf_counter()
                _decode(decoders, images, geometry, batches, leave_whole)
                taken = time.perf_counter() - started
                what = f"{name}_{'whole' if leave_whole else 'cut'}"
                yield f"feed_{what}", Figure("images/s", rows * batches / taken)
                yield f"feed_{what}_this_process", Figure("cores", (time.process_time() - own) / taken)

    def _decoders(self, rows: int) -> Iterator[tuple[str, Decoders]]:
        yield "threads", DecoderThreads()
        processes = DecodeProcesses(decode_processes(1), rows)
        yield "processes", processes
        processes.close()

    def resize(self) -> Iterator[tuple[str, Figure]]:
        rows, geometry = number("BATCH", 256, 16, self._is_gpu), Geometry(224, 224)
        images = [Image.open(io.BytesIO(image)).convert("RGB") for image, _ in self._workload.pairs(rows)]
        arrays = [np.asarray(image) for image in images]
        expected = np.stack([np.asarray(geometry.by_pillow(image)) for image in images])
        whole = WholeImages.of([torch.from_numpy(array.copy()) for array in arrays])
        there = ResizeBatch.of(whole, geometry).on(lambda tensor: tensor.to(self._device))
        cpu = torch.device("cpu")
        ways: dict[str, tuple[Callable[[], Any], Any]] = {
            "pillow": (lambda: np.stack([np.asarray(geometry.by_pillow(image)) for image in images]), cpu),
            "loops": (lambda: np.stack([cut_out(array, geometry) for array in arrays]), cpu),
            "products": (lambda: there.cut_out().permute(0, 2, 3, 1), self._device),
        }
        for name, (call, where) in ways.items():
            found = call()
            found = found if isinstance(found, np.ndarray) else found.cpu().numpy()
            yield f"resize_{name}", Figure("images/s", rows / seconds(call, where, runs=3))
            yield f"resize_{name}_unlike_pillow", Figure("levels", float((found != expected).sum()), goal="0")

    def end_to_end(self) -> Iterator[tuple[str, Figure]]:
        for name in self._names():
            pairs = number("PAIRS", 60_000 if name != "ViT-L-14" else 15_000, 48, self._is_gpu)
            folder, shards = self._workload.staged(pairs)
            paces = {}
            for way, scorer in self._scorers(self._model(name), number("BATCH", 256, 16, self._is_gpu)):
                scorer.score([pair[0] for pair in self._workload.pairs(32)], ["a cat"] * 32)
                shutil.rmtree(f"{folder.url}/staging/scores", ignore_errors=True)
                taken = _score(folder, shards, scorer)
                paces[way] = pairs / taken
                goal = f">= {_GOALS[name]}" if way == "new" and name in _GOALS and self._is_gpu else None
                yield f"end_to_end_{name}_{way}", Figure("pairs/s", paces[way], goal=goal)
            yield f"end_to_end_{name}_new_by_old", Figure("times", paces["new"] / paces["old"])
            if bare := self._bare_pace.get(name):
                yield f"end_to_end_{name}_share_of_bare", Figure("of 1", paces["new"] / bare, goal=">= 0.9")

    def _scorers(self, model: LoadedModel, batch: int) -> Iterator[tuple[str, ClipScorer]]:
        """Threads and towers by length, which were all there was; processes and passes of one shape."""
        yield "old", ClipScorer.from_loaded(model, batch_size=batch, has_fixed_shapes=False)
        processes = DecodeProcesses(decode_processes(1), batch, slabs=7)
        yield "new", ClipScorer.from_loaded(model, batch_size=batch, decoders=processes, has_fixed_shapes=self._is_gpu)
        processes.close()

    def bits(self) -> Iterator[tuple[str, Figure]]:
        for name in self._names():
            batch = number("BATCH", 256, 16, self._is_gpu)
            scorer = ClipScorer.from_loaded(self._model(name), batch_size=batch)
            pairs = self._workload.pairs(2 * batch)
            found = set()
            for company in range(20):
                others = pairs[1 + company : 1 + company + (company * 37) % batch]
                at = company % (len(others) + 1)
                asked = [*others[:at], pairs[0], *others[at:]]
                result = scorer.score([image for image, _ in asked], [text for _, text in asked], embeddings=True)
                found.add(str(result.slice(at, 1).to_pylist()[0]))
            yield f"bits_{name}", Figure("different results in 20 companies", len(found), goal="1")

    def little_memory(self) -> Iterator[tuple[str, Figure]]:
        if not self._is_gpu:
            _say("little_memory: left out, it needs a GPU")
            return
        for name in self._names():
            with _only(self._device, _LEFT_BYTES):
                scorer = ClipScorer.from_loaded(self._model(name), batch_size=1024)
                pairs = self._workload.pairs(4096)
                started = time.perf_counter()
                result = scorer.score([image for image, _ in pairs], [text for _, text in pairs])
                pace = len(result) / (time.perf_counter() - started)
            yield f"little_memory_{name}", Figure("pairs/s", pace)

    def _names(self) -> list[str]:
        return os.environ.get("MODELS", "ViT-B-32,ViT-L-14" if self._is_gpu else "babelsift-demo").split(",")

    def _model(self, name: str) -> LoadedModel:
        if name not in self._models:
            self._models[name] = self._workload.model(name, os.environ.get("PRECISION", "auto"))
        return self._models[name]


def _decode(decoders: Decoders, images: list[bytes], geometry: Geometry, batches: int, leave_whole: bool) -> None:
    """Decodes batches, one being decoded while the last is waited for."""
    last = None
    for _ in range(batches):
        coming = decoders.decode(images, geometry, leave_whole=leave_whole)
        if last is not None:
            last.result().release()
        last = coming
    if last is not None:
        last.result().release()


def _score(folder: RunFolder, shards: list[Any], scorer: ClipScorer) -> float:
    """Returns the seconds from tars to stored embeddings."""
    started = time.perf_counter()
    store = ScoreStore(folder, "bench", scorer.fingerprint)
    scoring = ShardScoring(folder, store, scorer, read_staged_images, _ROWS_PER_PART)
    scoring.score([work for rows in shards for work in scoring.missing(RoutedRows.of(rows, Route()))])
    return time.perf_counter() - started


@contextmanager
def _only(device: Any, left: int) -> Iterator[None]:
    """Takes a device's memory but for so many bytes."""
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(device)
    taken = torch.empty(max(0, free - left), dtype=torch.uint8, device=device)
    try:
        yield
    finally:
        del taken
        torch.cuda.empty_cache()
