"""What a dry run costs on a folder of 20 000 pairs, in CPU seconds: with the stored languages, and found again.

The folder is written as a run leaves it, of drawn pairs: a tenth in the ledger for each of three stages, the rest in
shards, all but those of the first stages staged and scored.
"""

from __future__ import annotations

import statistics
import tempfile
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.clip import result_schema
from babelsift.filters.language import LanguageIdentifier
from babelsift.filters.uids import compute_uids, partition_of
from babelsift.pipelines.job.record.versions import software_versions
from babelsift.pipelines.replay.dry_run import dry_run
from babelsift.pipelines.run_folder.fingerprints import stage_settings
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import Manifest, write_manifest
from babelsift.pipelines.run_folder.paths import FUNNEL
from babelsift.pipelines.run_folder.shaping_settings import shaping_settings
from babelsift.pipelines.staging.layout import STAGED_SCHEMA, SUCCESS, shard_path
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.pipelines.staging.shards import fingerprint
from babelsift.schemas import LEDGER_SCHEMA, Funnel, Recipe, StageFunnel, recipe_from
from babelsift.schemas.columns import PHASH_COLOURS_BYTES, PHASH_CROPS_BYTES, PHASH_VIEWS_BYTES
from benchmarks.harness.outcome import Figure, Outcome, median_ratio

ROWS, RUNS = 20_000, 3
_WORDS = {
    "en": ["a", "photo", "of", "the", "old", "house", "with", "a", "garden", "and", "two", "dogs", "near", "river"],
    "de": ["ein", "Foto", "von", "dem", "alten", "Haus", "mit", "Garten", "und", "zwei", "Hunden", "am", "Fluss"],
    "fr": ["une", "photo", "de", "la", "vieille", "maison", "avec", "un", "jardin", "et", "deux", "chiens"],
    "ru": ["фото", "старого", "дома", "с", "садом", "и", "двумя", "собаками", "у", "реки", "летом"],
}
_LEFT_OUT = {"rules": "too_few_words", "language": "language_not_kept", "image_rules": "image_too_small"}


def run() -> Outcome:
    """Measures both ways in turn."""
    recipe = recipe_from(
        {
            "name": "bench",
            "captions": {"min_words": 3},
            "dedup_images": {"near_radius_bits": 31},
            "clip": {"model": "ViT-B-32", "name": "b32", "precision": "fp32"},
            "select": {"min_similarity": 0.25},
        },
        source="bench",
    )
    seconds: dict[str, list[float]] = {"stored": [], "identified": []}
    with tempfile.TemporaryDirectory(prefix="babelsift-bench-") as home:
        folder = RunFolder(home)
        write_folder(folder, recipe, ROWS)
        for _ in range(RUNS):
            for side, versions in {"stored": software_versions(), "identified": "others"}.items():
                stages = stage_settings(recipe, {})
                write_manifest(folder, Manifest(partitions=2, facts={"versions": versions}, stages=stages))
                started = time.process_time()
                found = dry_run(recipe, home)
                seconds[side].append(time.process_time() - started)
    stored, identified = (statistics.median(seconds[side]) for side in ("stored", "identified"))
    ratio = median_ratio(seconds["stored"], seconds["identified"])
    what = f"a dry run on {ROWS} stored pairs, {found.funnel.kept_rows} kept; peer: the same with languages found again"
    return Outcome("dry_run", what, {"cpu_s": Figure("s", stored, identified, ratio)})


def write_folder(folder: RunFolder, recipe: Recipe, rows: int) -> None:
    """Writes what a finished run leaves of that many pairs, but for images and report."""
    pairs = _pairs(rows)
    stage = np.arange(rows) % 10
    left_out = [pairs.filter(pa.array(stage == place)) for place in range(len(_LEFT_OUT))]
    for number, (gone, (name, reason)) in enumerate(zip(left_out, _LEFT_OUT.items(), strict=True)):
        columns = {field.name: pa.nulls(len(gone), field.type) for field in LEDGER_SCHEMA}
        columns |= {one: gone.column(one) for one in gone.column_names if one in columns}
        columns |= {"stage": pa.array([name] * len(gone)), "reason": pa.array([reason] * len(gone))}
        if name == "rules":
            columns["language"] = pa.nulls(len(gone), pa.string())
        _write(folder, f"rejects/{number:05d}.parquet", pa.table(columns, schema=LEDGER_SCHEMA))
    _write(folder, "shards/00000000.parquet", pairs.filter(pa.array(stage >= len(_LEFT_OUT))))
    _stage_and_score(folder, recipe, pairs)
    folder.write_json(FUNNEL, Funnel((StageFunnel("read", rows, rows),)).to_json())


def _pairs(rows: int) -> pa.Table:
    draw = np.random.default_rng(0)
    languages = draw.choice(list(_WORDS), rows)
    captions = [" ".join(draw.choice(_WORDS[language], 9)) for language in languages]
    found = LanguageIdentifier().identify(pa.array(captions))
    urls = pa.array([f"https://images{row % 97}.example.com/{row}.jpg" for row in range(rows)])
    columns = {"uid": compute_uids(urls, pa.array(captions)), "url": urls, "caption": pa.array(captions)}
    columns |= {"source_file": pa.array(["drawn"] * rows), "source_row": pa.array(range(rows), pa.int64())}
    return pa.table(columns | dict(zip(found.schema.names, found.columns, strict=True)))


def _stage_and_score(folder: RunFolder, recipe: Recipe, pairs: pa.Table) -> None:
    """Writes two staging shards, one a partition, and the scores of their pairs."""
    draw, shaping = np.random.default_rng(1), shaping_settings(recipe.download)
    store = ScoreStore(folder, "b32", "b" * 64, keep_embeddings=False)
    store.describe({"model": "ViT-B-32", "pretrained": None, "precision": "fp32"})
    partitions = partition_of(pairs.column("uid").combine_chunks(), 2)
    for shard in range(2):
        own = pairs.filter(pa.array(partitions == shard)).combine_chunks()
        count = len(own)
        values = {
            "key": [f"{row:09d}" for row in range(count)],
            "status": [SUCCESS] * count,
            "sha256": [draw.bytes(32).hex() for _ in range(count)],
            "pixels_digest": [draw.bytes(32).hex() for _ in range(count)],
            "phash": [draw.bytes(32) for _ in range(count)],
            "phash_crops": [draw.bytes(PHASH_CROPS_BYTES) for _ in range(count)],
            "phash_views": [draw.bytes(PHASH_VIEWS_BYTES) for _ in range(count)],
            "phash_colours": [draw.bytes(PHASH_COLOURS_BYTES) for _ in range(count)],
            "phash_quality": [1.0] * count,
            "image_extension": ["jpg"] * count,
            **{name: [256] * count for name in ("width", "height", "original_width", "original_height")},
            **{name: [20_000] * count for name in ("original_bytes", "image_offset", "image_size")},
        }
        arrays = [
            own.column(field.name).combine_chunks()
            if field.name in own.column_names
            else pa.array(values[field.name], field.type)
            if field.name in values
            else pa.nulls(count, field.type)
            for field in STAGED_SCHEMA
        ]
        staged = pa.RecordBatch.from_arrays(arrays, schema=STAGED_SCHEMA)
        _write(folder, shard_path(shard, ".parquet"), pa.Table.from_batches([staged]))
        folder.write(shard_path(shard, ".tar"), b"tar")
        stats = {"count": count, "successes": count, "tar_bytes": 3, "end_time": 1.0, "settings": shaping}
        folder.write_json(shard_path(shard, "_stats.json"), stats | {"fingerprint": fingerprint(shaping)})
        similarities = {"similarity": draw.random(count).astype(np.float32), "error": pa.nulls(count, pa.string())}
        store.add(shard, staged, pa.RecordBatch.from_pydict(similarities, schema=result_schema()))


def _write(folder: RunFolder, path: str, table: pa.Table) -> None:
    with folder.writing(path) as file:
        pq.write_table(table, file)
