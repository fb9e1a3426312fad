"""Images of evaluation sets, as hashes by name: from folders of images, webdataset shards, or a table of hashes."""

from __future__ import annotations

import hashlib
import logging
import posixpath
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.image import ImageFailure, measure_image
from babelsift.pipelines.inputs.list_files import files_in
from babelsift.pipelines.stages.decontaminate.evaluation_embeddings import EMBEDDING, MODEL_KEY
from babelsift.pipelines.staging.score_store import EMBEDDINGS
from babelsift.schemas import InputError
from babelsift.schemas.columns import PHASH_BYTES, PHASH_CROPS_BYTES

if TYPE_CHECKING:
    from babelsift.filters.clip import ClipScorer  # and with it torch, which hashes do without

EVALUATION_SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("pixels_digest", pa.string(), nullable=False),
        pa.field("phash", pa.binary(PHASH_BYTES), nullable=False),
        pa.field("phash_crops", pa.binary(PHASH_CROPS_BYTES), nullable=False),
        pa.field("phash_quality", pa.float32(), nullable=False),
    ]
)
_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_AT_ONCE = 1_000
_EMBEDDED_AT_ONCE = 128
_ANY_CAPTION = "an image"  # a scorer embeds pairs
_MAX_PIXELS = 100_000_000


@dataclass(frozen=True)
class EvaluationFiles:
    """One table or shard, or some images: what is read at once, by full URLs."""

    paths: tuple[str, ...]


def plan_evaluation(places: Sequence[str]) -> tuple[EvaluationFiles, ...]:
    """Returns what folders, globs and paths name.

    Raises: InputError: a place has no image, .tar or .parquet, or cannot be looked into.
    """
    images: list[str] = []
    whole: list[str] = []
    for place in places:
        paths = files_in(place, sought=f"evaluation images in {place!r}")
        tables = [path for path in paths if path.lower().endswith((".parquet", ".tar"))]
        pictures = [path for path in paths if path.lower().endswith(_IMAGES)]
        if not tables and not pictures:
            raise InputError(f"{place!r} has no image, .tar or .parquet to decontaminate against; check the path")
        whole += tables
        images += pictures
    images = sorted(set(images))
    chunks = [tuple(images[start : start + _AT_ONCE]) for start in range(0, len(images), _AT_ONCE)]
    for path in sorted(set(whole)):
        if path.lower().endswith(".parquet"):
            _check_table(path)
    return tuple(EvaluationFiles(paths) for paths in [*chunks, *((path,) for path in sorted(set(whole)))])


def read_evaluation(files: EvaluationFiles, scorer: ClipScorer | None = None) -> Iterator[pa.RecordBatch]:
    """Yields EVALUATION_SCHEMA; an image that cannot be decoded is logged and passed over.

    Args: scorer: whose embeddings to add as a further column; null where it cannot read an image.
    Raises: InputError: a file cannot be read, or is a table, of which there are no embeddings.
    """
    if files.paths[0].lower().endswith(".parquet"):
        if scorer is not None:
            raise InputError(f"{files.paths[0]} holds hashes, of which no model makes embeddings; name the images")
        with fsspec.open(files.paths[0], "rb") as file:
            for batch in pq.ParquetFile(file).iter_batches(_AT_ONCE, columns=EVALUATION_SCHEMA.names):
                yield batch.select(EVALUATION_SCHEMA.names).cast(EVALUATION_SCHEMA)
        return
    try:
        yield from _hashed(_members(files.paths), scorer)
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"cannot read evaluation images of {files.paths[0]}: {error}; copy it again") from error


def write_hashes(places: Sequence[str], output: str, scorer: ClipScorer | None = None) -> int:
    """Writes the hashes of all images that the places name as a table of EVALUATION_SCHEMA; returns its rows.

    Args: scorer: whose embeddings to add; its fingerprint goes into the table's metadata.
    Raises: InputError: there are none, or the table cannot be written.
    """
    rows = 0
    schema = EVALUATION_SCHEMA if scorer is None else embedding_schema(scorer)
    try:
        with fsspec.open(output, "wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for files in plan_evaluation(places):
                for batch in read_evaluation(files, scorer):
                    writer.write_batch(batch)
                    rows += len(batch)
    except OSError as error:
        raise InputError(f"cannot write {output}: {error}; choose another --output") from error
    return rows


def _check_table(path: str) -> None:
    try:
        with fsspec.open(path, "rb") as file:
            found = pq.read_schema(file)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{path} cannot be read: {' '.join(str(error).split())}; write it with babelsift hash"
        ) from error
    for field in EVALUATION_SCHEMA:
        if field.name not in found.names or found.field(field.name).type != field.type:
            raise InputError(f"{path} has no column {field.name!r} of {field.type}; write it with `babelsift hash`")


def _members(paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """(name, file) of each image; the name is the path from its folder's name on, or the shard's and the member's."""
    for path in paths:
        with fsspec.open(path, "rb") as file:
            if not path.lower().endswith(".tar"):
                yield "/".join(path.split("/")[-2:]), file.read()
                continue
            with tarfile.open(fileobj=file, mode="r|") as shard:
                for member in shard:
                    if member.isfile() and member.name.lower().endswith(_IMAGES):
                        yield f"{posixpath.basename(path)}/{member.name}", shard.extractfile(member).read()


def embedding_schema(scorer: ClipScorer) -> pa.Schema:
    """Returns EVALUATION_SCHEMA with a scorer's embeddings."""
    vector = scorer.result_schema(embeddings=True).field(EMBEDDINGS["img_emb"]).type
    schema = EVALUATION_SCHEMA.append(pa.field(EMBEDDING, vector))
    return schema.with_metadata({MODEL_KEY: scorer.fingerprint})


def _hashed(images: Iterable[tuple[str, bytes]], scorer: ClipScorer | None) -> Iterator[pa.RecordBatch]:
    records, bodies = [], []
    for name, body in images:
        found = measure_image(body, max_source_pixels=_MAX_PIXELS)
        if isinstance(found, ImageFailure):
            logging.warning("evaluation image %s is passed over: %s, %s", name, found.reason.value, found.detail)
        else:
            records.append({"name": name, "sha256": hashlib.sha256(body).hexdigest(), **found.columns()})
            bodies += [body] if scorer is not None else []
        if len(records) == (_AT_ONCE if scorer is None else _EMBEDDED_AT_ONCE):
            yield _batch(records, bodies, scorer)
            records, bodies = [], []
    if records:
        yield _batch(records, bodies, scorer)


def _batch(records: list[dict], bodies: list[bytes], scorer: ClipScorer | None) -> pa.RecordBatch:
    batch = pa.RecordBatch.from_pylist(records, schema=EVALUATION_SCHEMA)
    if scorer is None:
        return batch
    results = scorer.score(bodies, [_ANY_CAPTION] * len(bodies), embeddings=True)
    for name, error in zip(batch.column("name").to_pylist(), results.column("error").to_pylist(), strict=True):
        if error is not None:
            logging.warning("evaluation image %s has no embedding: %s", name, error)
    columns = [*batch.columns, results.column(EMBEDDINGS["img_emb"])]
    return pa.RecordBatch.from_arrays(columns, schema=embedding_schema(scorer))
