"""Synthetic pairs for runs of millions, drawn batch by batch: the table, images' hashes, similarities.

A tenth of the pairs has the URL and caption of an earlier one, a twentieth a caption that differs from another's by a
word. A tenth of the images are another's pixels, a twentieth its perceptual hash within 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from babelsift.filters.mix64 import mix64
from babelsift.schemas import DOWNLOAD_SCHEMA, score_schema
from benchmarks.workloads.read_pairs import read_pairs

BATCH_ROWS = 5_000
MODEL = "drawn"
_HOSTS = 10_007
_WORDS = {
    "en": "photo old house garden two dogs river market harbour evening winter the of with and near small white church",
    "de": "Foto alten Haus Garten zwei Hunde Fluss Markt Hafen Abend Winter der von mit und nahe kleine weiße Kirche",
    "fr": "photo vieille maison jardin deux chiens rivière marché port soir hiver la de avec et près petite église",
    "es": "foto vieja casa jardín dos perros río mercado puerto tarde invierno la de con y cerca pequeña iglesia",
    "ru": "фото старого дома сад двумя собаками река рынок гавань вечер зима белая с и у маленькая церковь города лето",
}
_VOCABULARY = [np.array(words.split()[:18], object) for words in _WORDS.values()]
_WORDS_A_CAPTION = 12


def entries() -> list[str]:
    """Returns concept entries, of which most captions have some."""
    return sorted({word for words in _VOCABULARY for word in words[:8].tolist()})


def draw_pairs(first: int) -> pa.RecordBatch:
    """Returns a batch of READ_SCHEMA, the rows of a table from its number `first` on."""
    rows = np.arange(first, first + BATCH_ROWS)
    pairs = np.where(rows % 10 == 7, rows - rows % 997, rows)  # some are an earlier pair again
    urls = [f"https://images.example{n % _HOSTS}.org/{n * 2654435761 % 2**32:x}/{n}.jpg" for n in pairs]
    return read_pairs(urls, _captions(pairs), rows, source_file="drawn.parquet")


def _captions(numbers: np.ndarray) -> list[str]:
    """Returns captions of a dozen words of one language; of a hundred neighbours five differ by one word."""
    is_near = numbers % 20 == 3
    words = np.where(is_near, numbers - numbers % 100, numbers)
    chosen = _draws(words, _WORDS_A_CAPTION) % np.uint64(len(_VOCABULARY[0]))
    languages = np.where(is_near, 0, numbers % len(_VOCABULARY))
    texts = np.empty((len(numbers), _WORDS_A_CAPTION), object)
    for language, vocabulary in enumerate(_VOCABULARY):
        rows = languages == language
        texts[rows] = vocabulary[chosen[rows].astype(np.int64)]
    ends = [f"{number % 100}" if near else f"{number:x}" for number, near in zip(numbers, is_near, strict=True)]
    return [" ".join((*row, end)) for row, end in zip(texts.tolist(), ends, strict=True)]


def _draws(numbers: np.ndarray, count: int) -> np.ndarray:
    """Returns uint64[n, count], drawn by each number."""
    seeds = mix64(numbers.astype(np.uint64) + np.uint64(1))
    return mix64(seeds[:, np.newaxis] + np.arange(1, count + 1, dtype=np.uint64))


def as_downloaded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns a batch with the columns that downloading adds, by the pairs' rows; no image is read."""
    rows = batch.column("source_row").to_numpy()
    images = np.where(rows % 10 == 1, rows - rows % 499, rows)  # some images are another's pixels
    seen = np.where(rows % 20 == 5, rows - rows % 499, images)  # and some look like another
    phash = _draws(seen, 4).view(np.uint8).reshape(-1, 32)
    phash[:, 0] ^= np.where(rows % 20 == 5, rows % 251, 0).astype(np.uint8)
    digests = pa.array([content.tobytes().hex() for content in _draws(images + (1 << 40), 4)])
    columns = {
        **{name: batch.column(name) for name in batch.schema.names},
        "sha256": digests,
        "pixels_digest": digests,
        "phash": pa.array([value.tobytes() for value in phash], pa.binary(32)),
        "phash_quality": pa.array(np.ones(len(rows), np.float32)),
        "staging_shard": pa.array((rows // 10_000).astype(np.int32)),
        "image_offset": pa.array(rows * 20_000),
    }
    arrays = list(_filled(DOWNLOAD_SCHEMA, columns, rows))
    carried = [field for field in batch.schema if field.name not in DOWNLOAD_SCHEMA.names]
    arrays += [batch.column(field.name) for field in carried]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([*DOWNLOAD_SCHEMA, *carried]))


def as_scored(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns a batch with one model's similarity, drawn by the pairs' rows."""
    rows = batch.column("source_row").to_numpy().astype(np.uint64)
    spread = (rows * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)
    field = score_schema((MODEL,)).field(f"similarity_{MODEL}")
    return batch.append_column(field, pa.array(spread * np.float32(0.4), pa.float32()))


def _filled(schema: pa.Schema, columns: dict[str, pa.Array], rows: np.ndarray) -> Iterator[pa.Array]:
    """Yields a schema's columns: those given, nulls where they may be, and else values made of the rows' numbers."""
    for field in schema:
        if field.name in columns:
            yield columns[field.name]
        elif field.nullable:
            yield pa.nulls(len(rows), field.type)
        elif pa.types.is_string(field.type):
            yield pa.array([f"{row:09d}" for row in rows] if field.name == "key" else ["success"] * len(rows))
        else:
            yield pa.array(256 + rows % 512).cast(field.type)
