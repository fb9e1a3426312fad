"""What finding near hashes costs as the table grows: rows a second, memory and recall at 1 and 10 million hashes.

    BABELSIFT_SCALE_ROWS=1000000,10000000 BABELSIFT_SCALE_RUNS=3 python -m benchmarks image_dedup_scale

A tenth of the hashes are copies of others with 1 to 31 bits flipped, evenly spread. Each size runs in a process of its
own, and each part's figures are printed as they come, the time of clustering, which is one worker's, by itself. So is
that of loading the compiled loops, which a process does once; it is a part of the whole. Growth is of the largest size
over the smallest, where more than one is asked for, with and without loading. All-pairs is faiss's binary flat index,
searched by a slice of the smallest table for all within the radius; its time for the whole table is that of the slice
times the slices that there are. Skew is of a tenth of the smallest size: copies of one hash are folded into one before
any comparison (the benchmark `skew` shows that step), so here 5 % of the hashes share a bucket, and are else
random (far), or share all but a byte (near).
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from babelsift.filters.dedup import IMAGE_HASHES, WHOLE_BANDS, near_image_links, nearest_kept_images
from benchmarks.harness.outcome import Figure, Outcome
from benchmarks.harness.own_process import in_process, peak_mib
from benchmarks.peers.environments import PeerError, run_peer

SIZES = tuple(int(rows) for rows in os.environ.get("BABELSIFT_SCALE_ROWS", "1000000,10000000").split(","))
RUNS = int(os.environ.get("BABELSIFT_SCALE_RUNS", "3"))
_ONE_RUN_FROM_ROWS = 5_000_000
RADIUS = 31
_SLICE = 2_000  # rows that faiss searches for
_AT_ONCE = 100_000
_GOAL_GROWTH, _GOAL_FASTER = 12, 20


def run() -> Outcome:
    """Measures each size, at the smallest beside faiss, the two in turn."""
    figures: dict[str, Figure] = {}
    medians = {}
    for rows in SIZES:
        runs, peers = [], []
        for _ in range(1 if rows >= _ONE_RUN_FROM_ROWS else RUNS):
            runs.append(in_process(__name__, "measure", rows))
            _say(f"{rows} rows", runs[-1])
            if rows == SIZES[0]:
                peers += _faiss(rows)
        medians[rows] = {name: statistics.median(one[name] for one in runs) for name in runs[0]}
        figures |= _figures(rows, medians[rows], statistics.median(peers) * rows / _SLICE if peers else None)
    if len(SIZES) > 1:
        growth = medians[SIZES[-1]]["seconds"] / medians[SIZES[0]]["seconds"]
        figures[f"time_{SIZES[-1]}_over_{SIZES[0]}"] = Figure("x", ratio=growth, goal=f"<= {_GOAL_GROWTH}")
        loaded = [medians[size]["seconds"] - medians[size]["loading_s"] for size in (SIZES[-1], SIZES[0])]
        figures[f"time_{SIZES[-1]}_over_{SIZES[0]}_once_loaded"] = Figure("x", ratio=loaded[0] / loaded[1])
    for near in (False, True):
        skewed = in_process(__name__, "measure_skew", SIZES[0] // 10, near)
        name = "near" if near else "far"
        _say(f"5 % in one bucket, {name}", skewed)
        figures[f"seconds_5_percent_in_a_bucket_{name}"] = Figure("x", skewed["seconds"], skewed["even_seconds"])
        figures[f"peak_mib_5_percent_in_a_bucket_{name}"] = Figure("MiB", skewed["peak_mib"], skewed["even_peak_mib"])
    what = (
        f"near-duplicates within {RADIUS} bits among random hashes, a tenth planted; faiss's time is that of "
        f"{_SLICE} searches, extrapolated; where 5 % share buckets, the peer is as many evenly spread"
    )
    return Outcome("image_dedup_scale", what, figures)


def _figures(rows: int, ours: dict[str, float], whole: float | None) -> dict[str, Figure]:
    figures = {
        f"rows_per_s_{rows}": Figure("rows/s", rows / ours["seconds"], rows / whole if whole else None),
        f"cluster_s_{rows}": Figure("s", ours["cluster_s"]),
        f"loading_s_{rows}": Figure("s", ours["loading_s"]),
        f"peak_mib_{rows}": Figure("MiB", ours["peak_mib"]),
        f"recall_{rows}": Figure("share", ours["recall"]),
    }
    if whole:
        figures[f"faster_than_all_pairs_{rows}"] = Figure("x", ratio=whole / ours["seconds"], goal=f">= {_GOAL_FASTER}")
    return figures


def _say(what: str, measured: dict[str, float]) -> None:
    print(f"bench: {what}: {', '.join(f'{name} {value:.4g}' for name, value in measured.items())}", flush=True)


def measure(rows: int) -> None:
    """Finds and clusters the planted pairs of a table, on one core; prints one JSON line."""
    records, planted = planted_hashes(rows)
    started = time.perf_counter()
    near_image_links(records[:2], radius=RADIUS)
    loading_s = time.perf_counter() - started
    links = near_image_links(records, radius=RADIUS)
    found_s = time.perf_counter() - started
    out = nearest_kept_images(links)
    seconds = time.perf_counter() - started
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cluster_s": seconds - found_s,
                "loading_s": loading_s,
                "links": len(links),
                "peak_mib": peak_mib(),
                "recall": len(out) / planted,
            }
        )
    )


def measure_skew(rows: int, near: bool) -> None:
    """Finds and clusters, evenly spread first, then with 5 % of the hashes in one bucket."""
    even = planted_hashes(rows)[0]
    near_image_links(even[:2], radius=RADIUS)  # loads the compiled loops
    started = time.perf_counter()
    nearest_kept_images(near_image_links(even, radius=RADIUS))
    even_s, even_mib = time.perf_counter() - started, peak_mib()
    skewed = even[-(rows // 20) :]
    content = np.ascontiguousarray(skewed["hash"]).view(np.uint8).reshape(len(skewed), -1)
    if near:
        changed = content[:, -1].copy()
        content[:] = content[0]
        content[:, -1] = changed
    else:
        band = list(WHOLE_BANDS[0].pair)
        content[:, band] = content[0, band]
    skewed["hash"] = content.view("<u8")
    started = time.perf_counter()
    nearest_kept_images(near_image_links(even, radius=RADIUS))
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "even_seconds": even_s, "peak_mib": peak_mib(), "even_peak_mib": even_mib}))


def planted_hashes(rows: int) -> tuple[np.ndarray, int]:
    """Returns (IMAGE_HASHES[rows] of which the first tenth are near the second, how many these are)."""
    draw = np.random.default_rng(rows)
    records = np.zeros(rows, dtype=IMAGE_HASHES)
    for start in range(0, rows, _AT_ONCE):
        some = records[start : start + _AT_ONCE]
        some["hash"] = np.frombuffer(draw.bytes(32 * len(some)), "<u8").reshape(-1, 4)
        some["uid"] = np.frombuffer(draw.bytes(16 * len(some)), "V16")
    planted = rows // 10
    for start in range(0, planted, _AT_ONCE):
        end = min(start + _AT_ONCE, planted)
        copied = records["hash"][planted + start : planted + end].copy()
        order = np.argsort(draw.random((end - start, 256), dtype=np.float32), axis=1)
        flips = np.zeros((end - start, 256), dtype=np.uint8)
        flipped = np.arange(256) < draw.integers(1, RADIUS + 1, (end - start, 1))
        np.put_along_axis(flips, order, flipped.astype(np.uint8), axis=1)
        records["hash"][start:end] = copied ^ np.packbits(flips, axis=1).view("<u8")
    return records, planted


def _faiss(rows: int) -> list[float]:
    """Seconds in which faiss searches the table for a slice of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hashes.npy"
        np.save(path, planted_hashes(rows)[0]["hash"])
        try:
            return [run_peer("faiss", "faiss_filters.py", str(path), str(_SLICE), str(RADIUS))["seconds"]]
        except PeerError as error:
            print(f"bench: without faiss: {error}", flush=True)
            return []
