"""What skew costs dedup: time and peak memory where one caption, host, template or image has most of the rows.

    python -m benchmarks skew    CASES=one_image_on_all_rows,... runs some of them; each is printed as it is done

Each case runs in a process of its own. The control is the same number of rows that have nothing in common, under the
same settings; a case's peak beside it shows whether what is frequent needs memory of its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from hashlib import sha256

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.filters.uids import compute_uids
from babelsift.pipelines.core.stage_outputs import REJECTED
from babelsift.pipelines.stages.dedup.images import DedupImages
from babelsift.pipelines.stages.dedup.pairs import DedupPairs
from babelsift.pipelines.stages.frequency import FilterFrequencies
from babelsift.schemas import DOWNLOAD_SCHEMA
from babelsift.schemas.recipe import DedupImagesSettings, DedupPairsSettings, FrequencyRules, NearCaptions
from benchmarks.harness.in_this_process import remember_rows, remembered
from benchmarks.harness.outcome import Figure, Outcome
from benchmarks.harness.own_process import in_process, peak_mib
from benchmarks.sharding import filled
from benchmarks.workloads.read_pairs import read_pairs

ROWS = 1_000_000
NEAR_ROWS = 200_000
_BATCH_ROWS = 10_000
_EXACT = {
    "url": DedupPairsSettings(by="url", canonical_urls=True),
    "caption": DedupPairsSettings(by="caption", normalise_captions=True),
    "near": DedupPairsSettings(near_captions=NearCaptions()),
}
# case: (what is drawn, the rule, rows)
CASES = {
    "one_caption_on_all_urls": ("one_caption", "caption", ROWS),
    "one_caption_on_all_urls_near": ("one_caption", "near", ROWS),
    "one_caption_on_all_urls_frequency": ("one_caption", "frequency", ROWS),
    "half_of_all_rows_on_one_host": ("one_host", "url", ROWS),
    "one_template_varied_near": ("template", "near", NEAR_ROWS),
    "one_image_on_all_rows": ("one_image", "images", ROWS),
    "one_image_packed_anew_on_all_rows": ("one_hash", "images", ROWS),
}


def run() -> Outcome:
    """Measures each case after its control."""
    figures: dict[str, Figure] = {}
    chosen = os.environ.get("CASES", ",".join(CASES)).split(",")
    for name in chosen:
        drawn, rule, rows = CASES[name]
        plain = "images" if rule == "images" else "distinct"
        control, case = (in_process(__name__, "measure", kind, rule, rows) for kind in (plain, drawn))
        print(f"bench: {name}: {case}, control {control}", file=sys.stderr, flush=True)
        figures[f"{name}_s"] = Figure("s", case["seconds"], control["seconds"], case["seconds"] / control["seconds"])
        ratio = case["peak_mib"] / control["peak_mib"]
        figures[f"{name}_peak"] = Figure("MiB", case["peak_mib"], control["peak_mib"], ratio)
        figures[f"{name}_kept"] = Figure("rows", case["kept"], control["kept"])
    what = f"{ROWS} rows, {NEAR_ROWS} of one template, a process a run; peer: as many rows with nothing in common"
    return Outcome("skew", what, figures)


def measure(drawn: str, rule: str, rows: int) -> None:
    """Runs one case and prints its seconds, peak memory and rows kept as one JSON line."""
    started = time.perf_counter()
    parts = max(1, rows // 500_000)
    if rule == "images":
        stage: beam.PTransform = DedupImages(DedupImagesSettings(near_radius_bits=31), parts)
    elif rule == "frequency":
        stage = FilterFrequencies(FrequencyRules(max_images_per_caption=10), parts)
    else:
        stage = DedupPairs(_EXACT[rule], parts)
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        seeds = pipeline | beam.Create(range(rows // _BATCH_ROWS), reshuffle=False)
        draw = draw_images if rule == "images" else draw_batch
        outputs = seeds | "Draw" >> beam.FlatMap(draw, drawn).with_output_types(pa.RecordBatch) | stage
        _ = outputs[REJECTED] | "DropRejected" >> beam.FlatMap(lambda batch: ())
        remember_rows(outputs.kept)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_mib": peak_mib(), "kept": remembered()[-1]}))


def draw_batch(seed: int, drawn: str) -> Iterator[pa.RecordBatch]:
    """Yields the seed's batch of rows of that kind."""
    draw = np.random.default_rng(seed)
    own = np.arange(seed * _BATCH_ROWS, (seed + 1) * _BATCH_ROWS)
    hosts = np.where(own % 2 == 0, 0, own) if drawn == "one_host" else own
    urls = [f"https://images{h}.example.com/photos/{p:010d}.jpg" for h, p in zip(hosts, own, strict=True)]
    if drawn == "one_caption":
        captions = ["A photo for sale"] * _BATCH_ROWS
    elif drawn == "template":
        captions = [f"photo number {number:010d} for sale in the market hall of the old harbour town" for number in own]
    else:
        words = draw.integers(0, 26, (_BATCH_ROWS, 50), dtype=np.uint8) + ord("a")
        words[:, 6::7] = ord(" ")
        captions = words.view("S50").ravel().astype(str).tolist()
    yield read_pairs(urls, captions, own)


def draw_images(seed: int, drawn: str) -> Iterator[pa.RecordBatch]:
    """Yields the seed's batch of downloaded rows: all of one file, of one perceptual hash, or of nothing in common."""
    draw = np.random.default_rng(seed)
    own = np.arange(seed * _BATCH_ROWS, (seed + 1) * _BATCH_ROWS)
    files = [sha256(bytes(8) if drawn == "one_image" else number.tobytes()).hexdigest() for number in own]
    shown = np.random.default_rng(0) if drawn in ("one_image", "one_hash") else draw
    hashes = [shown.bytes(32)] * _BATCH_ROWS if shown is not draw else [draw.bytes(32) for _ in own]
    columns = {
        "url": pa.array([f"https://images{number % 977}.example.com/{number:010d}.jpg" for number in own]),
        "caption": pa.array([f"photograph {number}" for number in own]),
        "language": pa.array(["en"] * _BATCH_ROWS),
        "sha256": pa.array(files),
        "pixels_digest": pa.array(files),
        "phash": pa.array(hashes, pa.binary(32)),
        **{
            name: pa.nulls(_BATCH_ROWS, DOWNLOAD_SCHEMA.field(name).type)
            for name in ("phash_crops", "phash_views", "phash_colours")
        },
        "phash_quality": pa.array([1.0] * _BATCH_ROWS, DOWNLOAD_SCHEMA.field("phash_quality").type),
    }
    columns["uid"] = compute_uids(columns["url"], columns["caption"])
    yield pa.RecordBatch.from_arrays(list(filled(DOWNLOAD_SCHEMA, columns, own)), schema=DOWNLOAD_SCHEMA)
