"""What selection costs as the table grows: rows a second and peak memory at 1 and 10 million rows of metadata.

Each side and size runs in a process of its own, so that its peak is its own. Rows are drawn where they are needed, from
seeds, and dropped after the stage: a tenth of all pairs has one caption, half of all pairs one host, two thirds one
language. The peer is the same rows going through the same runner with a side input, and nothing decided; what a side
needs of its own is the difference. Sides: a fixed cut, fractions in bins and exact (of all and a language), caps of
captions, hosts and languages, and MetaCLIP's balancing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.filters.uids import compute_uids
from babelsift.pipelines.core.stage_outputs import REJECTED
from babelsift.pipelines.stages.balance import BalanceConcepts
from babelsift.pipelines.stages.select.select_pairs import SelectPairs
from babelsift.schemas.recipe import BalanceSettings, ConceptSettings, PairCaps, SelectRule, SelectSettings
from benchmarks.harness.in_this_process import passed_on, remember_rows, remembered
from benchmarks.harness.outcome import Figure, Outcome
from benchmarks.harness.own_process import in_process, peak_mib

SIZES = tuple(int(rows) for rows in os.environ.get("SELECTION_ROWS", "1000000,10000000").split(","))
_RUNS_AT_MOST_ROWS = 1_000_000
_BATCH_ROWS = 10_000
_ENTRIES = 50_000
_LANGUAGES = ("en", "zh", "de", "ja", "fr", "sw", "ht")
_SHARES = (0.66, 0.15, 0.1, 0.05, 0.03, 0.009, 0.001)
SETTINGS = {
    "fixed": SelectSettings(min_similarity={"en": 0.28, "default": 0.26}),
    "binned": SelectSettings(all_of=(SelectRule(top_fraction=0.3), SelectRule(top_fraction_by_language=0.4))),
    "exact": SelectSettings(
        all_of=(SelectRule(top_fraction=0.3), SelectRule(top_fraction_by_language=0.4)), exact_fractions=True
    ),
    "caps": SelectSettings(caps=PairCaps(per_caption=10, per_host=1000, per_language=100_000)),
}
SIDES = ("alone", *SETTINGS, "balance")


def run() -> Outcome:
    """Measures every side at each size, the sides in turn."""
    figures, medians = {}, {}
    for rows in SIZES:
        found: dict[str, list[dict]] = {side: [] for side in SIDES}
        for _ in range(3 if rows <= _RUNS_AT_MOST_ROWS else 1):
            for side, measured in found.items():
                measured.append(in_process(__name__, "measure", side, rows))
        medians[rows] = {side: medians(measured) for side, measured in found.items()}
        alone = medians[rows]["alone"]
        for side in SIDES[1:]:
            ours = medians[rows][side]
            figures[f"{side}_rows_per_s_{rows}"] = Figure("rows/s", rows / ours["seconds"], rows / alone["seconds"])
            figures[f"{side}_peak_mib_{rows}"] = Figure("MiB", ours["peak_mib"], alone["peak_mib"])
            own = (ours["peak_mib"] - alone["peak_mib"]) * 2**20 / rows
            figures[f"{side}_own_bytes_per_row_{rows}"] = Figure("B", own)
    first, last = SIZES[0], SIZES[-1]
    for side in SIDES[1:] if last > first else ():
        for name in ("seconds", "peak_mib"):
            growth = medians[last][side][name] / medians[first][side][name]
            figures[f"{side}_{name}_{last}_over_{first}"] = Figure("x", ratio=growth)
    kept = {side: {rows: of_size[side]["kept"] for rows, of_size in medians.items()} for side in SIDES[1:]}
    what = f"selection on synthetic rows, a process a run; kept {kept}; peer: the runner passing the same rows on"
    return Outcome("selection", what, figures)


def measure(side: str, rows: int) -> None:
    """Runs one side on that many rows and prints its seconds, peak memory and rows kept as one JSON line."""
    started = time.perf_counter()
    with TemporaryDirectory() as place, beam.Pipeline(runner=FnApiRunner()) as pipeline:
        seeds = pipeline | beam.Create(range(max(1, rows // _BATCH_ROWS)), reshuffle=False)
        batches = seeds | "Draw" >> beam.FlatMap(draw_batch).with_output_types(pa.RecordBatch)
        if side == "alone":
            kept = passed_on(batches)
        else:
            outputs = batches | _transform(side, place)
            kept = outputs.kept
            _ = outputs[REJECTED] | "DropRejected" >> beam.FlatMap(lambda batch: ())
        remember_rows(kept)
    print(json.dumps({"seconds": time.perf_counter() - started, "peak_mib": peak_mib(), "kept": remembered()[-1]}))


def _transform(side: str, place: str) -> beam.PTransform:
    if side != "balance":
        return SelectPairs(SETTINGS[side], ("m",))
    entries = Path(place) / "all.txt"
    entries.write_text("".join(f"entry {number}\n" for number in range(_ENTRIES)))
    return BalanceConcepts(BalanceSettings(threshold=500), ConceptSettings(entries=str(entries)), 0)


def draw_batch(seed: int) -> Iterator[pa.RecordBatch]:
    """Yields the seed's batch: what selection looks at, and a caption and a URL as long as real ones."""
    draw = np.random.default_rng(seed)
    pair = np.arange(seed * _BATCH_ROWS, (seed + 1) * _BATCH_ROWS)
    host = np.where(pair % 2 == 0, 0, draw.integers(0, 100_000, _BATCH_ROWS))
    urls = pa.array([f"https://images.host{h}.com/photos/{p:010d}.jpg" for h, p in zip(host, pair, strict=True)])
    captions = ["photo for sale" if number % 10 == 0 else f"a photo of thing number {number}" for number in pair]
    matches = np.minimum(draw.zipf(1.3, (_BATCH_ROWS, 3)), _ENTRIES) - 1
    yield pa.RecordBatch.from_pydict(
        {
            "uid": compute_uids(urls, pa.array(captions)),
            "url": urls,
            "caption": pa.array(captions),
            "source_file": pa.array(["drawn"] * _BATCH_ROWS),
            "source_row": pa.array(pair, pa.int64()),
            "language": pa.array(draw.choice(_LANGUAGES, _BATCH_ROWS, p=_SHARES)),
            "matched_entries": pa.array([sorted(set(row)) for row in matches.tolist()], pa.list_(pa.int32())),
            "similarity_m": pa.array(draw.normal(0.27, 0.05, _BATCH_ROWS).astype(np.float32)),
        }
    )
