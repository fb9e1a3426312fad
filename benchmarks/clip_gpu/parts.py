"""The parts of the benchmark, each of which prints its figures as it ends."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from babelsift.filters.clip import ClipScorer, LoadedModel
from babelsift.filters.clip.devices import devices_for
from babelsift.filters.clip.pixels.cpu_resize import cut_out
from babelsift.filters.clip.pixels.device_resize import ResizeBatch, WholeImages
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.filters.cores import usable_cores
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.feed import DecodeProcesses
from babelsift.pipelines.stages.score.models import decode_processes
from babelsift.pipelines.stages.score.shard_scoring import ReadImages, RoutedRows, ShardScoring
from babelsift.pipelines.staging.images import read_staged_images
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import ModelError, one_line
from babelsift.schemas.recipe import Route
from benchmarks.clip_gpu.device import BarePasses, ceilings, little_memory, peak_gib, seconds, synchronize
from benchmarks.clip_gpu.feed import by_decoders, by_torchvision
from benchmarks.clip_gpu.steps import STEPS, Clock, TimedDecoders
from benchmarks.clip_gpu.workload import Workload, number
from benchmarks.harness.outcome import Figure, Outcome

PARTS = ("ceilings", "bare", "feed", "resize", "end_to_end", "steps", "bits", "little_memory")
_ROWS_PER_PART = 2048
_GOALS = {"ViT-B-32": 20_000, "ViT-L-14": 2_500}

Figures = dict[str, Figure]


def run() -> Outcome:
    """Runs the parts that PARTS names, or all."""
    wanted = os.environ.get("PARTS", ",".join(PARTS)).split(",")
    if unknown := [part for part in wanted if part not in PARTS]:
        raise SystemExit(f"clip_gpu: no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    device = devices_for(None)[0]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU: sizes are those of a try"
    say(f"{name}; {usable_cores()} cores; torch {torch.__version__}")
    figures: Figures = {}
    failed = []
    with tempfile.TemporaryDirectory() as home:
        bench = _Bench(Workload(Path(home)), device)
        for part in wanted:
            started = time.perf_counter()
            try:
                for figure_name, figure in getattr(bench, part)():
                    figures[figure_name] = figure
                    goal = f" (goal {figure.goal})" if figure.goal else ""
                    say(f"{part}: {figure_name}: {figure.ours:.4g} {figure.unit}{goal}")
            except Exception:  # noqa: BLE001 a GPU is rented by the hour: the other parts are measured
                traceback.print_exc()
                failed.append(part)
            say(f"{part}: {time.perf_counter() - started:.0f} s")
    outcome = Outcome("clip_gpu", f"{name}; {', '.join(wanted)}", figures)
    if failed:
        print(outcome.table())
        raise SystemExit(f"clip_gpu: failed: {', '.join(failed)}; what they raised is above")
    return outcome


def say(text: str) -> None:
    """Prints a line at once."""
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
        ways = os.environ.get("WAYS", "eager,packed,graph,packed_graph,compiled" if self._is_gpu else "eager,packed")
        for name in self._names():
            passes = BarePasses(self._model(name))
            for rows in map(int, rows_of.split(",")):
                for way in ways.split(","):
                    pace = self._pace(passes, way, rows)
                    if pace is None:
                        continue
                    self._bare_pace[name] = max(pace, self._bare_pace.get(name, 0))
                    yield f"bare_{name}_{rows}_{way}", Figure("pairs/s", pace)
                    if self._is_gpu:
                        yield f"bare_{name}_{rows}_{way}_peak", Figure("GiB", peak_gib(self._device))

    def _pace(self, passes: BarePasses, way: str, rows: int) -> float | None:
        """Returns the pairs of a second; None, and why, where it cannot be: no compiler, or too little memory."""
        try:
            call = passes.of(way, rows)
            if call is not None:
                return rows / seconds(call, self._device)
            reason = "its captions cannot be packed"
        except (RuntimeError, ModelError) as error:
            reason = one_line(error)
        say(f"bare: {rows} rows, {way}: left out: {reason}")
        return None

    def feed(self) -> Iterator[tuple[str, Figure]]:
        images = [image for image, _ in self._workload.pairs(number("BATCH", 256, 64, self._is_gpu))]
        yield from by_decoders(images, Geometry(224, 224), number("BATCHES", 40, 4, self._is_gpu))
        yield from by_torchvision(images, self._device, say)

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
                gpus = 1 + len(self._model(name).more_devices)
                yield f"end_to_end_{name}_share_of_bare", Figure("of 1", paces["new"] / bare / gpus, goal=">= 0.9")

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

    def steps(self) -> Iterator[tuple[str, Figure]]:
        for name in self._names():
            batch = number("BATCH", 256, 16, self._is_gpu)
            pairs = number("PAIRS", 20 * batch, 48, self._is_gpu)
            folder, shards = self._workload.staged(pairs)
            shutil.rmtree(f"{folder.url}/staging/scores", ignore_errors=True)
            clock = Clock(self._device)
            processes = DecodeProcesses(decode_processes(1), batch)
            model = replace(self._one(name), tokenize=clock.here("tokenize", self._model(name).tokenize))
            timed = TimedDecoders(processes, clock)
            scorer = ClipScorer.from_loaded(model, batch_size=batch, decoders=timed, has_fixed_shapes=True)
            scorer.score([image for image, _ in self._workload.pairs(32)], ["a cat"] * 32)
            clock.taken.clear()
            with clock.watching(model.module):
                taken = _score(folder, shards, scorer, clock.here("read", read_staged_images))
                synchronize(self._device)
            processes.close()
            batches = -(-pairs // batch)
            for step in STEPS:
                yield f"steps_{name}_{step}", Figure("ms a batch", clock.milliseconds(step) / batches)
            yield f"steps_{name}_whole", Figure("ms a batch", 1e3 * taken / batches)
            what = "of the time on the GPU" if self._is_gpu else "of the time in the towers"
            yield f"steps_{name}_busy", Figure(what, clock.busy_seconds() / taken)

    def little_memory(self) -> Iterator[tuple[str, Figure]]:
        pairs = self._workload.pairs(number("LITTLE_PAIRS", 4096, 96, self._is_gpu))
        images, captions = [image for image, _ in pairs], [text for _, text in pairs]
        for name in self._names():
            model = self._one(name)
            plenty = ClipScorer.from_loaded(model, batch_size=256 if self._is_gpu else 64, has_fixed_shapes=True)
            expected = plenty.score(images, captions)
            with little_memory(self._device, model.module, say):
                scorer = ClipScorer.from_loaded(model, batch_size=1024 if self._is_gpu else 64, has_fixed_shapes=True)
                started = time.perf_counter()
                found = scorer.score(images, captions)
                pace = len(found) / (time.perf_counter() - started)
            yield f"little_memory_{name}", Figure("pairs/s", pace)
            away = np.abs(
                np.subtract(*(each["similarity"].to_numpy(zero_copy_only=False) for each in (found, expected)))
            )
            yield f"little_memory_{name}_unlike", Figure("cosine, at the most", float(away.max()), goal="< 0.002")

    def _one(self, name: str) -> LoadedModel:
        """Returns a model for one of the machine's GPUs."""
        return replace(self._model(name), more_devices=())

    def _names(self) -> list[str]:
        return os.environ.get("MODELS", "ViT-B-32,ViT-L-14" if self._is_gpu else "babelsift-demo").split(",")

    def _model(self, name: str) -> LoadedModel:
        if name not in self._models:
            self._models[name] = self._workload.model(name, os.environ.get("PRECISION", "auto"))
        return self._models[name]


def _score(folder: RunFolder, shards: list[Any], scorer: ClipScorer, read: ReadImages = read_staged_images) -> float:
    """Returns the seconds from tars to stored embeddings."""
    started = time.perf_counter()
    store = ScoreStore(folder, "bench", scorer.fingerprint)
    scoring = ShardScoring(folder, store, scorer, read, _ROWS_PER_PART)
    scoring.score([work for rows in shards for work in scoring.missing(RoutedRows.of(rows, Route()))])
    return time.perf_counter() - started
