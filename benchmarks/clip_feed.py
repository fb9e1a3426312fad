"""The feed of a model that costs nothing, from staging tars to stored scores: images decoded by threads, by processes.

All that a GPU is given is made: tokens, and whole images for a device to cut out; embeddings are the same for all.
`PAIRS`, `RUNS` and `BATCH` are sizes; `PROCESSES` decode, as many as there are cores; `PHOTOS=DIR` names real
photographs, which are made 256 px first. Each run is in a process of its own. `decoding` is the CPU time of its threads
that decode, or talk to the processes that do, as a share of the time that the run took: they hold Python's lock for no
more of it.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from babelsift.filters.clip import ClipScorer, load_model
from babelsift.filters.clip.encoder import PairEncoder, PreparedBatch
from babelsift.filters.cores import usable_cores
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.feed import DecodeProcesses
from babelsift.pipelines.stages.score.model_handlers import SHARDS_AT_ONCE, ClipModelHandler
from babelsift.pipelines.stages.score.models import resolve_model
from babelsift.schemas.recipe import ClipModel
from benchmarks.clip_gpu.workload import Workload
from benchmarks.harness.outcome import Figure, Outcome, median_ratio
from benchmarks.harness.own_process import cpu_seconds, in_process, medians, memory_mib

SIDES = ("processes", "threads")
_DIMENSION = 512
_WARM_UP = 32


def run() -> Outcome:
    """Scores the same pairs by both sides, in turn."""
    pairs, batch = _number("PAIRS", 6000), _number("BATCH", 256)
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as home:
        workload = Workload(Path(home))
        folder, shards = workload.staged(pairs)
        rows = f"{home}/rows.arrow"
        with pa.OSFile(rows, "wb") as sink, pa.ipc.new_file(sink, shards[0].schema) as file:
            for shard in shards:
                file.write_batch(shard)
        for number in range(_number("RUNS", 3)):
            for side in SIDES:
                measured = in_process("benchmarks.clip_feed", "measure", side, folder.url, rows, batch)
                found[side].append(measured)
                print(f"clip_feed: round {number + 1}, {side}: {pairs / measured['seconds']:.0f} pairs/s", flush=True)
    paces = {side: [pairs / measured["seconds"] for measured in found[side]] for side in SIDES}
    middle = {side: medians(found[side]) for side in SIDES}
    ours, theirs = middle["processes"], middle["threads"]
    figures = {
        "pace": Figure(
            "pairs/s, peer: threads",
            statistics.median(paces["processes"]),
            statistics.median(paces["threads"]),
            median_ratio(paces["processes"], paces["threads"]),
        ),
        "decoding": Figure("of this process's time", ours["decoding"], theirs["decoding"], goal="< 0.1"),
        "own_cpu": Figure("ms a pair", 1e3 * ours["own_cpu"] / pairs, 1e3 * theirs["own_cpu"] / pairs),
        "decoders_cpu": Figure("ms a pair", 1e3 * ours["decoders_cpu"] / pairs),
        "memory": Figure("MiB, with all processes", ours["memory_mib"], theirs["memory_mib"]),
    }
    what = f"{pairs} pairs, batches of {batch}, a model that costs nothing; medians of runs in turn"
    return Outcome("clip_feed", what, figures)


def _number(name: str, default: int) -> int:
    return int(os.environ.get(name, default))


def measure(side: str, url: str, rows: str, batch: int) -> None:
    """Scores all rows once, and prints what it took.

    Args:
        side: of SIDES.
        url: a run folder with staged images; scores are stored there under the side's name and process's number.
        rows: an Arrow file of DOWNLOAD_SCHEMA batches.
        batch: pairs of a batch.
    """
    with pa.OSFile(rows) as source:
        file = pa.ipc.open_file(source)
        shards = [file.get_batch(number) for number in range(file.num_record_batches)]
    processes = _number("PROCESSES", usable_cores())
    decoders = DecodeProcesses(processes, batch) if side == "processes" else None
    scorer = free_scorer(batch, decoders)
    settings = ClipModel(model="babelsift-demo", name=f"{side}_{os.getpid()}", batch_size=batch)
    handler = ClipModelHandler(RunFolder(url), settings, load=lambda _: scorer)
    model = handler.load_model()
    for _ in handler.run_inference([shards[0].slice(0, _WARM_UP)], model):
        pass
    clocks = {"own_cpu": time.process_time, "decoding": _decoding_seconds, "decoders_cpu": _cpu_of(decoders)}
    before, started = {name: clock() for name, clock in clocks.items()}, time.perf_counter()
    for start in range(0, len(shards), SHARDS_AT_ONCE):
        for _ in handler.run_inference(shards[start : start + SHARDS_AT_ONCE], model):
            pass
    seconds = time.perf_counter() - started
    found = {name: clock() - before[name] for name, clock in clocks.items()}
    found |= {"seconds": seconds, "decoding": found["decoding"] / seconds, "memory_mib": memory_mib(os.getpid())}
    if decoders is not None:
        decoders.close()
    print(json.dumps(found))


def free_scorer(batch: int, decoders: DecodeProcesses | None) -> ClipScorer:
    """Returns a scorer that does all that is done for a GPU, and nothing that a GPU does."""
    import open_clip

    loaded = load_model(resolve_model("babelsift-demo"), device="cpu", precision="fp32")
    loaded = replace(loaded, preprocess=open_clip.image_transform(224, is_train=False), dimension=_DIMENSION)
    PairEncoder.embed = _embed_for_free  # type: ignore[method-assign] # in this process, which does nothing else
    return ClipScorer.from_loaded(loaded, batch_size=batch, decoders=decoders, has_fixed_shapes=True)


def _embed_for_free(
    encoder: PairEncoder, batch: PreparedBatch, device: int = 0
) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    rows = batch.errors.count(None)
    batch.release()
    vectors = np.full((rows, _DIMENSION), _DIMENSION**-0.5, np.float32)
    return lambda: (vectors, vectors)


def _decoding_seconds() -> float:
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("clip-decode")]
    clocks = [time.pthread_getcpuclockid(thread.ident) for thread in threads if thread.ident is not None]
    return sum(map(time.clock_gettime, clocks))


def _cpu_of(decoders: Any) -> Callable[[], float]:
    return lambda: sum(map(cpu_seconds, decoders.pids)) if decoders is not None else 0.0
