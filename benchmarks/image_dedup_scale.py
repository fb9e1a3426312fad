"""What finding near hashes costs as the table grows: rows a second, memory and recall at 1 and 10 million hashes.

A tenth of the hashes are copies of others with 1 to 31 bits flipped, evenly spread. Each size runs in a process of its
own. All-pairs is faiss's binary flat index, searched by a slice of the table for all within the radius; its time for
the whole table is that of the slice times the slices that there are.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.outcome import Figure, Outcome
from benchmarks.own_process import in_process, peak_mib
from benchmarks.peers.environments import PeerError, run_peer
from filters.dedup import HASHED, bands_for, near_links, nearest_survivors

SIZES = (1_000_000, 10_000_000)
RUNS = {1_000_000: 3, 10_000_000: 1}
RADIUS = 31
_SLICE = 2_000  # rows that faiss searches for
_AT_ONCE = 100_000
_ROWS_A_PART = 500_000
_GOAL_GROWTH, _GOAL_FASTER = 12, 20


def run() -> Outcome:
    """Measures each size, at the smallest beside faiss, the two in turn."""
    figures: dict[str, Figure] = {}
    medians = {}
    for rows in SIZES:
        runs, peers = [], []
        for _ in range(RUNS[rows]):
            runs.append(in_process(__name__, "measure", rows))
            if rows == SIZES[0]:
                peers += _faiss(rows)
        medians[rows] = {name: statistics.median(one[name] for one in runs) for name in runs[0]}
        ours = medians[rows]
        whole = statistics.median(peers) * rows / _SLICE if peers else None
        figures[f"rows_per_s_{rows}"] = Figure("rows/s", rows / ours["seconds"], rows / whole if whole else None)
        figures[f"peak_mib_{rows}"] = Figure("MiB", ours["peak_mib"])
        figures[f"recall_{rows}"] = Figure("share", ours["recall"])
        if whole:
            figures[f"faster_than_all_pairs_{rows}"] = Figure(
                "x", ratio=whole / ours["seconds"], goal=f">= {_GOAL_FASTER}"
            )
    growth = medians[SIZES[-1]]["seconds"] / medians[SIZES[0]]["seconds"]
    figures[f"time_{SIZES[-1]}_over_{SIZES[0]}"] = Figure("x", ratio=growth, goal=f"<= {_GOAL_GROWTH}")
    what = (
        f"near-duplicates within {RADIUS} bits among random hashes, a tenth planted; faiss's time is that of "
        f"{_SLICE} searches, extrapolated"
    )
    return Outcome("image_dedup_scale", what, figures)


def measure(rows: int) -> None:
    """Finds and clusters the planted pairs of a table, part by part; prints one JSON line."""
    records, planted = planted_hashes(rows)
    started = time.perf_counter()
    parts = max(1, rows // _ROWS_A_PART // 8)
    found = [
        near_links(records, radius=RADIUS, bands=bands_for(rows), partition=part, partitions=parts)
        for part in range(parts)
    ]
    out = nearest_survivors(np.concatenate(found))
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_mib": peak_mib(), "recall": len(out) / planted}))


def planted_hashes(rows: int) -> tuple[np.ndarray, int]:
    """Returns (HASHED[rows] of which the first tenth are near the second, how many these are)."""
    draw = np.random.default_rng(rows)
    records = np.zeros(rows, dtype=HASHED)
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
