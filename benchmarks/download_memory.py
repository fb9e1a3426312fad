"""Peak memory of the download stage at 5 000 and at 50 000 images: it must not grow with the table.

    python -m benchmarks download_memory     SMALL=5000 MANY=50000 PHOTOS=FOLDER set the sizes

Each size runs in a process of its own, so that its peak is its own: `DownloadImages` under Beam's in-process runner, of
photographs from a loopback server. The runner holds the rows in memory, before the stage and after it, since they pass
a shuffle; the figure `bytes_a_row` is what each further row takes of all.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

from benchmarks.harness.download_sides import download, write_table
from benchmarks.harness.outcome import Figure, Outcome
from benchmarks.harness.own_process import in_process, peak_during
from benchmarks.workloads.photo_web import photo_web
from benchmarks.workloads.photographs import photograph_folder

_GOAL = 1.2
_THREADS = 64
_SHARD_ROWS = 500  # whatever the size: a shard under way is in memory, and a run's shards do not grow with its table


def run() -> Outcome:
    """Measures both sizes."""
    sizes = [int(os.environ.get(*pair)) for pair in (("SMALL", "5000"), ("MANY", "50000"))]
    with tempfile.TemporaryDirectory() as home, photo_web(photograph_folder(home)) as base_url:
        peaks = []
        for images in sizes:
            peaks.append(_peak_mib(base_url, images, home))
            print(f"bench: {images} photographs: a peak of {peaks[-1]:.0f} MiB", file=sys.stderr, flush=True)
    figures = {f"peak_{images}": Figure("MiB", ours=peak) for images, peak in zip(sizes, peaks, strict=True)}
    figures["growth"] = Figure("x", ratio=peaks[1] / peaks[0], goal=f"<= {_GOAL}")
    figures["bytes_a_row"] = Figure("B", ours=(peaks[1] - peaks[0]) * 2**20 / (sizes[1] - sizes[0]))
    return Outcome("download_memory", f"{sizes[0]} and {sizes[1]} photographs, a process each", figures)


def measure(table: str, output: str) -> None:
    """Downloads a table; prints the peak memory, in MiB, of this process and of those that fetch and decode for it."""
    peak = peak_during(lambda: download(table, output, _THREADS, _SHARD_ROWS))
    print(json.dumps(peak))


def _peak_mib(base_url: str, images: int, home: str) -> float:
    table, output = write_table(base_url, images, home), f"{home}/out-{images}"
    return in_process(__name__, "measure", table, output)
