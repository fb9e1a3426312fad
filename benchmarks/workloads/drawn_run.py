"""A finished run folder of any size, of drawn pairs: what an explorer reads of it, without images' bytes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import Manifest, write_manifest
from babelsift.pipelines.run_folder.paths import FUNNEL, RECIPE
from babelsift.pipelines.staging.layout import STAGED_SCHEMA, SUCCESS, shard_path
from babelsift.pipelines.staging.scores.score_store import METADATA_SCHEMA, ScoreStore
from babelsift.schemas import LEDGER_SCHEMA, Funnel, Recipe, dump_recipe, recipe_from, similarity_column

MODEL, THRESHOLD = "b32", 0.25
_ROWS_A_FILE = 50_000
_LANGUAGES = {"en": 0.5, "de": 0.12, "fr": 0.1, "ru": 0.1, "zh": 0.1, "ja": 0.08}
_WORDS = {
    "en": "a photo of the old house with garden and two dogs near river",
    "de": "ein Foto von dem alten Haus mit Garten und zwei Hunden am Fluss",
    "fr": "une photo de la vieille maison avec un jardin et deux chiens",
    "ru": "фото старого дома с садом и двумя собаками у реки летом",
    "zh": "一 张 老 房 子 的 照 片 和 花 园 里 两 只 狗 在 河 边",
    "ja": "古 い 家 の 写 真 と 庭 に 二 匹 の 犬 が 川 の 近 く",
}
_REASONS = [("rules", "too_few_words"), ("language", "language_not_kept"), ("download", "http_status")]


def recipe_of_drawn_run() -> Recipe:
    """Returns the recipe that the folder's pairs were judged by."""
    clip = {"model": "ViT-B-32", "name": MODEL, "precision": "fp32"}
    select = {"min_similarity": THRESHOLD}
    return recipe_from({"name": "drawn", "clip": clip, "select": select}, source="drawn")


def write_drawn_run(folder: RunFolder, rows: int) -> None:
    """Writes shards' tables, the ledger, staging shards and scores of so many pairs, then the funnel."""
    recipe = recipe_of_drawn_run()
    store = ScoreStore(folder, MODEL, "b" * 64, keep_embeddings=False)
    store.describe({"model": "ViT-B-32", "pretrained": None, "precision": "fp32"})
    kept_rows = selected = 0
    for number, first in enumerate(range(0, rows, _ROWS_A_FILE)):
        pairs, similarity, early = _pairs(first, min(_ROWS_A_FILE, rows - first))
        _stage(folder, store, number, pairs.filter(pa.array(early < 0)), similarity[early < 0])
        is_kept = (early < 0) & (similarity >= np.float32(THRESHOLD))
        kept = pairs.filter(pa.array(is_kept))
        kept = kept.append_column(similarity_column(MODEL), pa.array(similarity[is_kept]))
        keys = pc.utf8_lpad(pa.array(np.arange(len(kept))).cast(pa.string()), 13, "0")
        _write(folder, f"shards/{number:08d}.parquet", kept.add_column(0, "key", keys))
        _write(folder, f"rejects/{number:05d}.parquet", _ledger(pairs, similarity, early, is_kept))
        kept_rows, selected = kept_rows + len(kept), selected + int((early < 0).sum())
    counts = {("read", "in", ""): rows, ("read", "out", ""): rows}
    folder.write(RECIPE, dump_recipe(recipe).encode())
    write_manifest(folder, Manifest(partitions=2))
    folder.write_json(FUNNEL, Funnel.from_counts(counts).to_json())


def _pairs(first: int, rows: int) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(first)
    languages = draw.choice(list(_LANGUAGES), rows, p=list(_LANGUAGES.values()))
    words = {language: np.array(text.split(), dtype=object) for language, text in _WORDS.items()}
    captions = np.empty(rows, dtype=object)
    for language, known in words.items():
        of_language = np.flatnonzero(languages == language)
        drawn = known[draw.integers(0, len(known), (len(of_language), 9))]
        captions[of_language] = [("" if language in ("zh", "ja") else " ").join(row) for row in drawn]
    hosts = draw.zipf(1.6, rows) % 5000
    urls = [f"https://images{host}.example{host % 37}.com/{first + row}.jpg" for row, host in enumerate(hosts.tolist())]
    uids = [f"{value:032x}" for value in (draw.integers(0, 2**62, rows).astype(object) << 64) + np.arange(rows) + first]
    sides = draw.integers(64, 2000, (2, rows)).astype(np.int32)
    table = pa.table(
        {
            "uid": uids,
            "url": urls,
            "caption": pa.array(captions, pa.string()),
            "source_file": ["drawn.parquet"] * rows,
            "source_row": np.arange(first, first + rows),
            "language": pa.array(languages, pa.string()),
            "language_score": draw.random(rows).astype(np.float32),
            "width": np.minimum(sides[0], 256).astype(np.int32),
            "height": np.minimum(sides[1], 256).astype(np.int32),
            "original_width": sides[0],
            "original_height": sides[1],
            "original_bytes": draw.integers(2000, 400_000, rows),
            "image_extension": ["jpg"] * rows,
        }
    )
    stage = draw.integers(0, 10, rows)
    return table, draw.normal(0.27, 0.06, rows).astype(np.float32), np.where(stage < len(_REASONS), stage, -1)


def _ledger(pairs: pa.Table, similarity: np.ndarray, early: np.ndarray, is_kept: np.ndarray) -> pa.Table:
    rows = np.flatnonzero(~is_kept)
    fates = [_REASONS[at] if at >= 0 else ("select", "similarity_too_low") for at in early[rows]]
    values = [None if at >= 0 else f"{value:.6g}" for at, value in zip(early[rows], similarity[rows], strict=True)]
    gone = pairs.take(pa.array(rows))
    said = {"stage": [stage for stage, _ in fates], "reason": [reason for _, reason in fates], "value": values}
    said["threshold"] = [None if value is None else str(THRESHOLD) for value in values]
    columns = [
        pa.array(said[field.name], field.type) if field.name in said else gone.column(field.name).cast(field.type)
        for field in LEDGER_SCHEMA
    ]
    return pa.table(columns, schema=LEDGER_SCHEMA)


def _stage(folder: RunFolder, store: ScoreStore, number: int, pairs: pa.Table, similarity: np.ndarray) -> None:
    rows = len(pairs)
    values = {
        "key": pc.utf8_lpad(pa.array(np.arange(rows)).cast(pa.string()), 9, "0"),
        "status": pa.array([SUCCESS] * rows),
        "sha256": pc.binary_join_element_wise(pairs.column("uid"), pairs.column("uid"), ""),
        "image_offset": pa.array(np.arange(rows) * 4096 + 512),
        "image_size": pa.array(np.full(rows, 3000)),
    }
    columns = []
    for field in STAGED_SCHEMA:
        known = values.get(field.name, pairs.column(field.name) if field.name in pairs.column_names else None)
        columns.append(pa.nulls(rows, field.type) if known is None else known.cast(field.type))
    staged = pa.table(columns, schema=STAGED_SCHEMA)
    _write(folder, shard_path(number, ".parquet"), staged)
    folder.write(shard_path(number, ".tar"), b"tar")
    stats = {"count": rows, "successes": rows, "tar_bytes": 3, "end_time": 1.0, "settings": {}, "fingerprint": "f" * 8}
    folder.write_json(shard_path(number, "_stats.json"), stats)
    scores = {name: staged.column(name) for name in ("uid", "sha256", "image_size")}
    scores |= {"similarity": pa.array(similarity), "error": pa.nulls(rows, pa.string())}
    table = pa.table([scores[name] for name in METADATA_SCHEMA.names], schema=METADATA_SCHEMA)
    _write(folder, f"{store.root}/metadata_only/metadata_{number:05d}_0000.parquet", table)


def _write(folder: RunFolder, path: str, table: pa.Table) -> None:
    with folder.writing(path) as file:
        pq.write_table(table, file, compression="zstd")
