"""One final shard: a webdataset tar, its parquet and its stats; equal rows and images give equal bytes."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.commit_marks import is_count, is_counts, is_text, is_texts
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.product import EMBEDDING_FILES
from babelsift.pipelines.run_folder.shard_layout import INTERNAL_COLUMNS, TRAIN, Split, sample_key, shard_name
from babelsift.pipelines.stages.shard.samples import text_ranks
from babelsift.pipelines.stages.shard.shard_embeddings import write_embeddings
from babelsift.pipelines.staging.images import ReadImages, read_staged_images
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.pipelines.storage.errors import storage_failures
from babelsift.pipelines.storage.tar_members import TarMembers, end_of_tar
from babelsift.pipelines.storage.whole_file import WholeFile
from babelsift.schemas import (
    DOWNLOAD_SCHEMA,
    LANGUAGE_SCHEMA,
    TEXT_LANGUAGE,
    TEXT_SOURCE,
    RunFolderError,
    similarity_column,
)
from babelsift.schemas.columns import FURTHER_IMAGE_COLUMNS
from babelsift.schemas.json_values import json_value

SHARDS = TRAIN.folder

# So many rows are read while as many are written: enough to lie side by side in staging, and little enough for memory.
_BYTES_AT_ONCE = 64 * 2**20
_ROWS_AT_ONCE = 10_000
_OBJECTS_AT_ONCE = 1000
_SIMILARITY = similarity_column("")
# Columns that all texts of a sample share; the others are a text's.
_OF_IMAGES = (
    "key",
    "url",
    *(name for name in DOWNLOAD_SCHEMA.names if name not in {*LANGUAGE_SCHEMA.names, "key"}),
    *(field.name for field in FURTHER_IMAGE_COLUMNS),
)
MEMBERS = TarMembers(mode=0o644)
MARK = {
    **dict.fromkeys(("samples", "bytes"), is_count),
    **dict.fromkeys(("fingerprint", "sha256"), is_text),
    "languages": is_counts,
    "files": is_texts,
}
_VERSION = 3  # of a shard's layout: a change here makes every shard be written anew


def write_shard(
    folder: RunFolder,
    shard: int,
    rows: pa.Table,
    *,
    samples_per_shard: int,
    split: Split = TRAIN,
    stores: Sequence[ScoreStore] = (),
    read: ReadImages = read_staged_images,
) -> dict[str, Any]:
    """Writes one shard, or leaves it where it is there already with the same rows.

    Args:
        rows: the shard's pairs in their order, those of a sample together, with DOWNLOAD_SCHEMA's columns.
        stores: of whose embeddings the rows' are written, too.
        read: reads staged images.

    Returns:
        {"shard": its number, "split": its split's name, "samples", "texts", "bytes", "sha256" of the tar, "languages":
        {language: texts}, "files": {path of each file: its sha256}, ...}.

    Raises:
        RunFolderError: a file cannot be written, does not read back as written, or its images are not in staging.
    """
    name, stem = shard_name(shard), f"{split.folder}/{shard_name(shard)}"
    is_first = text_ranks(rows) == 0
    sample_of_row = np.cumsum(is_first) - 1
    samples = rows.filter(pa.array(is_first))
    keys = [sample_key(shard, index, samples_per_shard, split=split) for index in sample_of_row.tolist()]
    metadata = _public(rows, keys)
    fingerprint = _fingerprint(metadata, [f"{store.name} {store.fingerprint}" for store in stores])
    done = folder.read_commit_mark(f"{stem}_stats.json", MARK)
    images = f"{split.images}/{name}.parquet"
    expected = {f"{stem}.tar", f"{stem}.parquet", images}
    expected |= {f"{split.embeddings}/{store.name}/{file.format(name)}" for store in stores for file in EMBEDDING_FILES}
    if done and done.get("fingerprint") == fingerprint and _is_whole(folder, done, expected):
        logging.info("shard: %s: %d samples, already there", stem, len(samples))
        return {**done, "shard": shard, "split": split.name}
    folder.remove(f"{stem}_stats.json")  # the commit mark goes first, and comes back last
    contents: dict[str, Callable[[WholeFile], None]] = {
        f"{stem}.tar": partial(_write_tar, partial(read, folder), samples, metadata, np.flatnonzero(is_first)),
        f"{stem}.parquet": partial(_write_table, metadata),
        images: partial(_write_table, images_of(metadata, is_first)),
    }
    tar, *tables = folder.do_all([partial(_written, folder, path, fill) for path, fill in contents.items()])
    files = {path: file.sha256 for path, file in zip(contents, (tar, *tables), strict=True)}
    for store in stores:
        files |= write_embeddings(store, rows, metadata, folder=f"{split.embeddings}/{store.name}", name=name)
    stats = {
        "samples": len(samples),
        "successes": len(samples),  # as img2dataset's readers call it
        "texts": len(rows),
        "bytes": tar.size,
        "sha256": tar.sha256,
        "languages": dict(sorted(Counter(rows.column("language").to_pylist()).items())),
        "files": files,
        "fingerprint": fingerprint,
    }
    folder.write_json(f"{stem}_stats.json", stats)
    logging.info("shard: %s: %d samples, %.1f MB", stem, len(samples), tar.size / 1e6)
    return {"shard": shard, "split": split.name, **stats}


def _public(rows: pa.Table, keys: list[str]) -> pa.Table:
    kept = [name for name in rows.schema.names if name not in INTERNAL_COLUMNS]
    return rows.select(kept).add_column(0, "key", pa.array(keys, pa.string())).replace_schema_metadata(None)


def _fingerprint(metadata: pa.Table, stores: Sequence[str]) -> str:
    digest = hashlib.blake2b(str(_VERSION).encode(), digest_size=16)
    for row in _objects(metadata):
        digest.update(b"\n" + json.dumps(row, sort_keys=True, default=str).encode())
    for store in stores:
        digest.update(b"\n" + store.encode())
    return digest.hexdigest()


def _is_whole(folder: RunFolder, stats: Mapping[str, Any], expected: Collection[str]) -> bool:
    """Whether a commit mark says all that it should, and the files it names are what was written."""
    if not set(MARK) <= set(stats) or sum(stats["languages"].values()) != stats["texts"]:
        return False
    files = stats["files"]
    return (
        stats["sha256"] in files.values()
        and set(files) == set(expected)
        and all(_is_unchanged(folder, path, sha256) for path, sha256 in files.items())
    )


def _is_unchanged(folder: RunFolder, path: str, sha256: str) -> bool:
    with storage_failures(RunFolderError, f"cannot read {folder.path(path)}"):
        try:
            return folder.sha256(path)[1] == sha256
        except FileNotFoundError:
            return False


def images_of(metadata: pa.Table, is_first: np.ndarray) -> pa.Table:
    """Returns the table of a shard's images: what is the same for all texts of a sample, and how many they are.

    Args:
        metadata: the shard's pairs, with the keys of their samples.
        is_first: bool[n], where a sample begins.
    """
    images = metadata.filter(pa.array(is_first)).select([name for name in _OF_IMAGES if name in metadata.schema.names])
    counts = np.diff([*np.flatnonzero(is_first), len(metadata)])
    return images.append_column("texts", pa.array(counts, pa.int32()))


def _written(folder: RunFolder, path: str, fill: Callable[[WholeFile], None]) -> WholeFile:
    with folder.writing(path, read_back=True) as file:
        fill(file)
    return file


def _write_table(table: pa.Table, file: WholeFile) -> None:
    pq.write_table(table, file, compression="zstd")


def _write_tar(
    read: Callable[[pa.RecordBatch], list[bytes]],
    rows: pa.Table,
    metadata: pa.Table,
    firsts: np.ndarray,
    file: WholeFile,
) -> None:
    """Writes the samples; rows: one a sample. firsts: int64[samples], where each begins in `metadata`."""
    bounds = [*firsts.tolist(), len(metadata)]
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as ahead:
        reading: deque[tuple[pa.Table, Future[list[bytes]]]] = deque()
        for start, end in windows(rows.column("image_size").to_pylist()):
            some = rows.slice(start, end - start).combine_chunks().to_batches()[0]
            texts = metadata.slice(bounds[start], bounds[end] - bounds[start])
            reading.append((texts, ahead.submit(read, some)))
            if len(reading) > 1:
                _add_samples(file, *reading.popleft())
        while reading:
            _add_samples(file, *reading.popleft())
    file.write(end_of_tar(file.size))


def windows(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields (start, end) of neighbouring rows whose images may be in memory together; a larger one is by itself."""
    start = together = 0
    for row, size in enumerate(sizes):
        if row > start and (together + size > _BYTES_AT_ONCE or row - start == _ROWS_AT_ONCE):
            yield start, row
            start, together = row, 0
        together += size
    if start < len(sizes):
        yield start, len(sizes)


def _add_samples(file: WholeFile, metadata: pa.Table, images: Future[list[bytes]]) -> None:
    samples = (list(rows) for _, rows in itertools.groupby(json_rows(metadata), key=itemgetter("key")))
    for rows, image in zip(samples, images.result(), strict=True):
        files = {f"{rows[0]['key']}.{rows[0]['image_extension']}": image, **text_files(rows)}
        file.write(b"".join(block for name, content in files.items() for block in MEMBERS.member(name, content)))


def text_files(rows: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """Returns {name: content} of a sample's files beside its image.

    Args:
        rows: its pairs, as `json_rows` gives them; the first is the chosen text.
    """
    row = {**rows[0], "texts": [_text_of(row) for row in rows]}
    del row["image_extension"]
    document = json.dumps(row, ensure_ascii=False, allow_nan=False)
    return {f"{row['key']}.txt": row["caption"].encode(), f"{row['key']}.json": document.encode()}


def _text_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a pair as the json of its sample lists it."""
    similarities = {name: row[name] for name in row if name.startswith(_SIMILARITY)}
    said = {name.removeprefix("text_"): row[name] for name in (TEXT_SOURCE.name,) if name in row}
    if TEXT_LANGUAGE.name in row:
        said[TEXT_LANGUAGE.name] = row[TEXT_LANGUAGE.name]
    return {"text": row["caption"], "uid": row["uid"], "language": row["language"], **said, **similarities}


def json_rows(metadata: pa.Table) -> Iterator[dict[str, Any]]:
    """Yields the pairs of a shard as plain values, as the json of a sample has them."""
    # A float32 similarity is written with the digits it has, not with those of the nearest float64.
    floats = [field.name for field in metadata.schema if pa.types.is_float32(field.type)]
    for row in _objects(metadata):
        for name in floats:
            if row[name] is not None:
                row[name] = float(f"{row[name]:.7g}")
        yield {name: json_value(value) for name, value in row.items()}


def _objects(rows: pa.Table) -> Iterator[dict[str, Any]]:
    """Yields rows as Python's objects, a few at a time: all of a shard's are hundreds of megabytes."""
    for batch in rows.to_batches(_OBJECTS_AT_ONCE):
        yield from batch.to_pylist()
