"""Sharding: rows a second and memory of selecting and shuffling synthetic pairs into shards, metadata only.

Each size runs in a process of its own; what the largest takes beyond the smallest, over their difference in rows, is
what a row costs. Beam's in-process runner keeps a shuffle in memory, so it cannot be nothing there; the bytes of the
rows themselves, as they cross the shuffle, stand beside it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.filters.uids import compute_uids
from babelsift.pipelines.core.batches import RecordBatchCoder
from babelsift.pipelines.stages.select.select_pairs import SelectPairs
from babelsift.pipelines.stages.shard.write_shards import GroupShards, ordered_rows
from babelsift.schemas import score_schema
from babelsift.schemas.recipe import SelectSettings
from benchmarks.harness.outcome import Figure, Outcome
from benchmarks.harness.own_process import peak_mib

SIZES = (100_000, 1_000_000, 10_000_000)
_BATCH_ROWS, _SHARD_ROWS = 5_000, 10_000
_LANGUAGES = ("en", "de", "es", "ja", "sw")


def run(sizes: tuple[int, ...] = SIZES) -> Outcome:
    """Runs each size that fits this machine: a row is taken to cost 1 KB."""
    usable = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    fitting = [rows for rows in sizes if rows * 1000 < usable]
    found = {}
    for rows in fitting:
        found[rows] = _in_a_process(rows)
        print(f"sharding: {rows} rows: {found[rows]}", file=sys.stderr, flush=True)
    outcome = Outcome("sharding", f"synthetic pairs, metadata only, shards of {_SHARD_ROWS}, sizes {fitting}")
    for rows, one in found.items():
        outcome.figures[f"pace_{rows}"] = Figure("rows/s", rows / one["seconds"])
        outcome.figures[f"peak_{rows}"] = Figure("MB", one["peak_bytes"] / 1e6)
    if len(fitting) > 1:
        low, high = fitting[0], fitting[-1]
        growth = (found[high]["peak_bytes"] - found[low]["peak_bytes"]) / (high - low)
        shuffled = found[high]["shuffled_bytes"]
        outcome.figures["growth"] = Figure(
            "bytes a row; peer: of the row in the shuffle", growth, shuffled, growth / shuffled
        )
    return outcome


def _in_a_process(rows: int) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-m", "benchmarks.sharding", str(rows)], check=True, capture_output=True)
    return json.loads(done.stdout.splitlines()[-1])


def _measure(rows: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home:
        started = time.monotonic()
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            pairs = (
                pipeline
                | beam.Create(range(0, rows, _BATCH_ROWS), reshuffle=False)
                | beam.Map(synthetic_pairs).with_output_types(pa.RecordBatch)
            )
            selected = pairs | SelectPairs(SelectSettings(top_fraction_by_language=0.9), ("m",), seed=0)
            shards = selected.kept | GroupShards(_SHARD_ROWS, seed=0)
            sizes = shards | beam.MapTuple(shard_rows) | beam.combiners.ToList()
            _ = sizes | beam.Map(lambda found: Path(home, "sizes").write_text(json.dumps(found)))
        seconds = time.monotonic() - started
        sizes = sorted(json.loads(Path(home, "sizes").read_text()))
    if sizes[-1] != _SHARD_ROWS or sizes[1:] != [_SHARD_ROWS] * (len(sizes) - 1):
        raise AssertionError(f"shards of other sizes than {_SHARD_ROWS}: {sizes}")
    batch = synthetic_pairs(0)
    return {
        "seconds": seconds,
        "peak_bytes": peak_mib() * 2**20,
        "shuffled_bytes": len(RecordBatchCoder().encode(batch)) / len(batch),
    }


def shard_rows(_: int, batches: Iterable[pa.RecordBatch]) -> int:
    """Returns how many rows a shard has, once they are in order."""
    return len(ordered_rows(batches, seed=0))


def synthetic_pairs(first_row: int) -> pa.RecordBatch:
    """Returns rows as they come from scoring, with URLs and captions of the web's lengths."""
    draw = np.random.default_rng(first_row)
    rows = np.arange(first_row, first_row + _BATCH_ROWS)
    words = np.array([f"word{number:x}" for number in range(5000)])
    captions = [" ".join(some) for some in words[draw.integers(0, len(words), (_BATCH_ROWS, 10))]]
    columns = {
        "url": pa.array(
            [f"https://images.example{row % 977}.org/{row * 2654435761 % 2**32:x}/photo.jpg" for row in rows]
        ),
        "caption": pa.array(captions),
        "language": pa.array([_LANGUAGES[row % len(_LANGUAGES)] for row in rows]),
        "similarity_m": pa.array(draw.normal(0.25, 0.06, _BATCH_ROWS).astype(np.float32)),
        "sha256": pa.array([draw.bytes(32).hex() for _ in rows]),
        "phash": pa.array([draw.bytes(32) for _ in rows], pa.binary(32)),
        "image_offset": pa.array(rows * 20_000),
    }
    columns["uid"] = compute_uids(columns["url"], columns["caption"])
    schema = score_schema(("m",))
    return pa.RecordBatch.from_arrays(list(filled(schema, columns, rows)), schema=schema)


def filled(schema: pa.Schema, columns: dict[str, pa.Array], rows: np.ndarray) -> Iterator[pa.Array]:
    """Yields a schema's columns: those given, and for the others values made of the rows' numbers."""
    for field in schema:
        if field.name in columns:
            yield columns[field.name]
        elif pa.types.is_fixed_size_binary(field.type):
            yield pa.array([bytes(field.type.byte_width)] * len(rows), field.type)
        elif pa.types.is_string(field.type):
            yield pa.array([f"{row:09d}" for row in rows])
        else:
            yield pa.array(rows % 4096).cast(field.type)


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]))))
