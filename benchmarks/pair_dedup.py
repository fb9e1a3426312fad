"""What pair dedup costs as the table grows: rows a second and peak memory at 100 thousand, 1 and 10 million rows.

Each size runs in a process of its own, so that its peak is its own. Rows are drawn where they are needed, from seeds,
and dropped after the stage. One caption is on a tenth of all URLs, one host has half of all rows, a tenth of the pairs
repeats an earlier one. Beam's in-process runner holds in memory whatever passes from one of its stages to the next, so
the peer is the same rows going through the same runner with a side input, as they do here, and nothing decided; what
dedup itself needs is the difference.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.pipelines.core.stage_outputs import REJECTED
from babelsift.pipelines.stages.dedup.pairs import DedupPairs
from babelsift.schemas.recipe import DedupPairsSettings
from benchmarks.harness.in_this_process import passed_on, remember_rows, remembered
from benchmarks.harness.outcome import Figure, Outcome
from benchmarks.harness.own_process import in_process, medians, peak_mib
from benchmarks.workloads.read_pairs import read_pairs

SIZES = (100_000, 1_000_000, 10_000_000)
# The small sizes take seconds; medians of several runs there, of as many as time allows at the largest.
RUNS = {100_000: 3, 1_000_000: 3, 10_000_000: 1}
_BATCH_ROWS = 10_000
_HOSTS = 10_000
_GOAL_GROWTH = 11


def run() -> Outcome:
    """Measures each size in turn, dedup and the runner alone alternating."""
    figures, seconds, kept = {}, {}, {}
    for rows in SIZES:
        found: dict[str, list[dict]] = {"dedup": [], "alone": []}
        for _ in range(RUNS[rows]):
            for side, measured in found.items():
                measured.append(in_process(__name__, "measure", side, rows))
        ours, alone = (medians(found[side]) for side in ("dedup", "alone"))
        seconds[rows], kept[rows] = ours["seconds"], ours["kept"]
        figures[f"rows_per_s_{rows}"] = Figure("rows/s", rows / ours["seconds"], rows / alone["seconds"])
        figures[f"peak_mib_{rows}"] = Figure("MiB", ours["peak_mib"], alone["peak_mib"])
        figures[f"own_bytes_per_row_{rows}"] = Figure("B", (ours["peak_mib"] - alone["peak_mib"]) * 2**20 / rows)
    for less, more in itertools.pairwise(SIZES):
        growth = seconds[more] / seconds[less]
        figures[f"time_{more}_over_{less}"] = Figure("x", ratio=growth, goal=f"<= {_GOAL_GROWTH}")
    what = (
        f"DedupPairs by url and caption on synthetic rows, a process a run; kept {kept}; "
        "peer: the runner passing the same rows on"
    )
    return Outcome("pair_dedup", what, figures)


def measure(side: str, rows: int) -> None:
    """Runs one side on that many rows and prints its seconds, peak memory and rows kept as one JSON line."""
    started = time.perf_counter()
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        seeds = pipeline | beam.Create(range(rows // _BATCH_ROWS), reshuffle=False)
        batches = seeds | "Draw" >> beam.FlatMap(draw_batch, rows).with_output_types(pa.RecordBatch)
        if side == "dedup":
            outputs = batches | DedupPairs(DedupPairsSettings(), max(1, rows // 500_000))
            kept = outputs.kept
            _ = outputs[REJECTED] | "DropRejected" >> beam.FlatMap(lambda batch: ())
        else:
            kept = passed_on(batches)
        remember_rows(kept)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_mib": peak_mib(), "kept": remembered()[-1]}))


def draw_batch(seed: int, rows: int) -> Iterator[pa.RecordBatch]:
    """Yields the seed's batch of a table of that many rows."""
    draw = np.random.default_rng(seed)
    own = np.arange(seed * _BATCH_ROWS, (seed + 1) * _BATCH_ROWS)
    # A tenth of the rows is a pair again that came somewhere in the table.
    pair = np.where(draw.random(_BATCH_ROWS) < 0.1, draw.integers(0, rows, _BATCH_ROWS), own)
    host = np.where(pair % 2 == 0, 0, pair % _HOSTS)
    urls = [f"https://images{h}.example.com/photos/{p:010d}.jpg" for h, p in zip(host, pair, strict=True)]
    yield read_pairs(urls, [_caption(number) for number in pair], own)


def _caption(number: int) -> str:
    return "photo for sale" if number % 10 == 0 else f"a photo of thing number {number} in the garden"
