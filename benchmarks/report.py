"""What the report of a million rows costs: counting and drawing, looking up survivors, pictures and the page.

The rows are drawn: a third is in the ledger, a tenth of that duplicates; the tables lie in a run folder as a run leaves
them, the staging shards only of the pairs that are shown.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.counting import add_counts
from babelsift.filters.uids import compute_uids
from babelsift.pipelines.core.tally import begin_tally
from babelsift.pipelines.job.record.versions import software_versions
from babelsift.pipelines.rendering import ReportData, Sample, render_report
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.report import descriptions as described
from babelsift.pipelines.stages.report.draw_samples import SAMPLES_A_REASON, SAMPLES_KEPT, draw_rows, lowest_drawn
from babelsift.pipelines.stages.report.drawn_samples import drawn_samples
from babelsift.pipelines.stages.report.find_survivors import with_survivors
from babelsift.pipelines.stages.report.thumbnails import thumbnail
from babelsift.schemas import DOWNLOAD_SCHEMA, LEDGER_SCHEMA, Funnel, Recipe, recipe_from
from benchmarks.harness.outcome import Figure, Outcome

ROWS, BATCH, BATCHES_A_TABLE = 1_000_000, 4096, 8
_LANGUAGES = ("en", "de", "fr", "ru", "zh", "ar", "hi", "ja")
_REASONS = (
    ("rules", "too_few_words", "2", "3"),
    ("language", "language_not_kept", "fi 0.93", "en de"),
    ("download", "http_status", "404", None),
    ("download", "timeout", "total, 40 s", None),
    ("image_rules", "image_too_small", "90x120 px", "128"),
    ("select", "similarity_too_low", "0.2512", "0.26"),
)


def run() -> Outcome:
    """Measures each part once."""
    settings = {
        "captions": {"min_words": 3},
        "images": {"min_side_px": 128},
        "clip": {"model": "ViT-B-32", "name": "b32"},
        "select": {"min_similarity": 0.26},
    }
    recipe = recipe_from({"name": "bench", **settings}, source="bench")
    begin_tally()
    with tempfile.TemporaryDirectory(prefix="babelsift-bench-") as home:
        folder = RunFolder(home)
        tables, counting_s, data = _counted(folder, recipe)
        started = time.process_time()
        samples = with_survivors(folder, data.samples, tables)
        survivors_s = time.process_time() - started
        started = time.process_time()
        samples = [
            replace(sample, image=thumbnail(_photo(number)), image_extension="webp")
            for number, sample in enumerate(samples)
        ]
        page = render_report(replace(data, samples=samples))
        page_s = time.process_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    outcome = Outcome("report", f"the report of {ROWS:,} rows; {software_versions()}")
    outcome.figures = {
        "all": Figure("s of CPU", counting_s + survivors_s + page_s, goal="< 60"),
        "counting and drawing": Figure("s of CPU", counting_s),
        "looking up survivors": Figure("s of CPU", survivors_s),
        "pictures and page": Figure("s of CPU", page_s),
        f"the page, of {len(samples)} samples": Figure("MB", len(page.encode()) / 1e6, goal="< 5"),
        "memory of the process": Figure("GB", memory / 1e9),
    }
    return outcome


def _counted(folder: RunFolder, recipe: Recipe) -> tuple[list[str], float, ReportData]:
    """Writes the tables; returns their paths, the seconds of counting and drawing, and the report's data."""
    spent, tables, parts, drawn, counts = 0.0, [], {}, {}, {}
    kept_rows: list[pa.RecordBatch] = []
    for number, (kept, rejected) in enumerate(_batches()):
        started = time.process_time()
        for counted in (
            described.describe_captions(kept),
            described.describe_images(kept, 2),
            described.describe_kept(kept, 2),
            described.describe_rejected(rejected, 2),
        ):
            for key, table in counted:
                parts[key] = add_counts([parts[key], table]) if key in parts else table
        for batch, most in ((kept, SAMPLES_KEPT), (rejected, SAMPLES_A_REASON)):
            for group, rows in draw_rows(batch, recipe, most):
                drawn[group] = lowest_drawn([drawn.get(group, []), rows], most)
        spent += time.process_time() - started
        _count(counts, kept, rejected)
        kept_rows += [kept, rejected]
        if number % BATCHES_A_TABLE == BATCHES_A_TABLE - 1:
            tables += _write(folder, number // BATCHES_A_TABLE, kept_rows)
            kept_rows = []
    tables += _write(folder, 10**6, kept_rows)
    started = time.process_time()
    summaries = [(kind, described.summary_of((kind, part), table)[1]) for (kind, part), table in parts.items()]
    found = described.descriptions_of(summaries)
    spent += time.process_time() - started
    samples: list[Sample] = list(drawn_samples(drawn, recipe))
    funnel = Funnel.from_counts(counts)
    return tables, spent, ReportData(recipe, funnel, measures=found.measures, hosts=found.hosts, samples=samples)


def _batches() -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Yields (kept rows with a similarity, ledger rows), two thirds and a third of each batch."""
    random = np.random.default_rng(0)
    kept_uids: list[str] = []
    for first in range(0, ROWS, BATCH):
        number = np.arange(first, min(first + BATCH, ROWS))
        hosts = np.minimum(random.zipf(1.3, len(number)), 10**6)
        urls = pa.array([f"https://img{h % 7}.site{h}.com/{n}.jpg" for h, n in zip(hosts, number, strict=True)])
        captions = pa.array([f"a photo of thing number {n} on a hill"[: random.integers(9, 40)] for n in number])
        uids = compute_uids(urls, captions)
        languages = pa.array(random.choice(_LANGUAGES, len(number)))
        columns = {"uid": uids, "url": urls, "caption": captions, "language": languages}
        columns["source_row"] = pa.array(number)
        is_kept = random.random(len(number)) < 2 / 3
        kept = _kept({name: column.filter(pa.array(is_kept)) for name, column in columns.items()}, random)
        left = {name: column.filter(pa.array(~is_kept)) for name, column in columns.items()}
        kept_uids = [*kept_uids[-100:], *kept.column("uid").to_pylist()]
        yield kept, _rejected(left, random, kept_uids)


def _kept(columns: dict[str, pa.Array], random: np.random.Generator) -> pa.RecordBatch:
    rows = len(columns["uid"])
    numbers = {
        "language_score": random.beta(9, 1, rows),
        "original_width": random.lognormal(6.5, 0.5, rows).astype(int),
        "original_height": random.lognormal(6.3, 0.5, rows).astype(int),
        "original_bytes": random.lognormal(11, 1, rows).astype(int),
    }
    arrays = []
    for field in DOWNLOAD_SCHEMA:
        made = columns.get(field.name, numbers.get(field.name))
        if made is None:
            made = pa.nulls(rows, field.type) if field.nullable else _filler(field.type, rows)
        arrays.append(made if isinstance(made, pa.Array) else pa.array(made).cast(field.type))
    batch = pa.RecordBatch.from_arrays(arrays, names=DOWNLOAD_SCHEMA.names)
    return batch.append_column("similarity_b32", pa.array(random.normal(0.3, 0.03, rows), pa.float32()))


def _filler(kind: pa.DataType, rows: int) -> pa.Array:
    value = b"0" * kind.byte_width if pa.types.is_fixed_size_binary(kind) else "0" if pa.types.is_string(kind) else 0
    return pa.array([value] * rows).cast(kind)


def _rejected(columns: dict[str, pa.Array], random: np.random.Generator, kept: list[str]) -> pa.RecordBatch:
    rows = len(columns["uid"])
    chosen = [_REASONS[index] for index in random.integers(0, len(_REASONS), rows)]
    for row in np.flatnonzero(random.random(rows) < 0.1):
        chosen[row] = ("dedup_images", "near_duplicate_image", f"{kept[random.integers(len(kept))]} at 4 bits", "31")
    parts = dict(zip(("stage", "reason", "value", "threshold"), zip(*chosen, strict=True), strict=True))
    arrays = [
        columns[field.name] if field.name in columns else pa.array(parts.get(field.name, ["pairs.parquet"] * rows))
        for field in LEDGER_SCHEMA
    ]
    cast = [array.cast(field.type) for array, field in zip(arrays, LEDGER_SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(cast, schema=LEDGER_SCHEMA)


def _count(counts: dict, kept: pa.RecordBatch, rejected: pa.RecordBatch) -> None:
    for key, rows in ((("read", "in", ""), len(kept) + len(rejected)), (("shard", "out", "en"), len(kept))):
        counts[key] = counts.get(key, 0) + rows
    for row in rejected.select(["stage", "reason"]).to_pylist():
        key = (row["stage"], row["reason"], "")
        counts[key] = counts.get(key, 0) + 1


def _write(folder: RunFolder, number: int, batches: list[pa.RecordBatch]) -> list[str]:
    paths = []
    for where, of_kind in (("shards", batches[::2]), ("rejects", batches[1::2])):
        if of_kind:
            path = f"{where}/{number:08d}.parquet"
            with folder.writing(path) as file:
                pq.write_table(pa.Table.from_batches(of_kind), file, compression="zstd")
            paths.append(path)
    return paths


def _photo(number: int) -> bytes:
    """Returns a picture with as much detail as a photograph has, 256 px a side."""
    random = np.random.default_rng(number)
    rough = random.integers(0, 255, (32, 32, 3), np.uint8)
    picture = cv2.resize(rough, (256, 256), interpolation=cv2.INTER_CUBIC).astype(int)
    picture = np.clip(picture + random.normal(0, 8, picture.shape), 0, 255)
    return cv2.imencode(".jpg", picture.astype(np.uint8))[1].tobytes()
