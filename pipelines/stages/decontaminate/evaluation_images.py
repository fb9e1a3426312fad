"""Hashes of evaluation images by name: of folders of images, webdataset shards, or a table of hashes."""

from __future__ import annotations

import hashlib
import logging
import posixpath
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.image import ImageFailure, measure_image
from babelsift.pipelines.decoding import OF_THE_MACHINE, ImageDecoders
from babelsift.pipelines.inputs.list_files import files_in
from babelsift.pipelines.inputs.named_file import open_named_file
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.decontaminate.evaluation_embeddings import EMBEDDING, MODEL_KEY
from babelsift.pipelines.staging.scores.embedding_checksums import EMBEDDINGS
from babelsift.pipelines.storage.errors import storage_failures
from babelsift.schemas import InputError, public_url
from babelsift.schemas.columns import PHASH_BYTES, PHASH_COLOURS_BYTES, PHASH_CROPS_BYTES, PHASH_VIEWS_BYTES

if TYPE_CHECKING:
    from babelsift.filters.clip import ClipScorer  # and with it torch, which hashes do without

EVALUATION_SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("pixels_digest", pa.string(), nullable=False),
        pa.field("phash", pa.binary(PHASH_BYTES), nullable=False),
        pa.field("phash_crops", pa.binary(PHASH_CROPS_BYTES), nullable=False),
        pa.field("phash_views", pa.binary(PHASH_VIEWS_BYTES)),  # null in tables that were written before
        pa.field("phash_colours", pa.binary(PHASH_COLOURS_BYTES)),  # likewise
        pa.field("phash_quality", pa.float32(), nullable=False),
    ]
)
_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_AT_ONCE = 1_000
_DECODED_AT_ONCE = 128
_SETTING = "decontaminate.against"
_TABLE_REMEDY = "write it with `babelsift hash`"
_ANY_CAPTION = "an image"  # a scorer embeds pairs
_MAX_PIXELS = 100_000_000
_DECODE_TIMEOUT_S = 60.0  # of CPU: a set is the user's own, and no image of it is to be missing for a slow machine


@dataclass(frozen=True)
class EvaluationFiles:
    """One table, one shard, or a chunk of image files: what is read at once.

    Attributes:
        paths: as fsspec opens them.
    """

    paths: tuple[str, ...]


def plan_evaluation(sources: Sequence[str]) -> tuple[EvaluationFiles, ...]:
    """Returns the files that folders, globs and paths name.

    Args:
        sources: folders, globs or paths, any fsspec URLs.

    Raises:
        InputError: a source has no image, .tar or .parquet, or cannot be listed.
    """
    images: list[str] = []
    whole: list[str] = []
    for source in sources:
        shown = public_url(source)
        paths = files_in(source, sought=f"evaluation images in {shown!r}")
        tables = [path for path in paths if path.lower().endswith((".parquet", ".tar"))]
        pictures = [path for path in paths if path.lower().endswith(_IMAGES)]
        if not tables and not pictures:
            raise InputError(f"{shown!r} has no image, .tar or .parquet to decontaminate against; check the path")
        whole += tables
        images += pictures
    images = sorted(set(images))
    chunks = [tuple(images[start : start + _AT_ONCE]) for start in range(0, len(images), _AT_ONCE)]
    for path in sorted(set(whole)):
        if path.lower().endswith(".parquet"):
            _check_table(path)
    return tuple(EvaluationFiles(paths) for paths in [*chunks, *((path,) for path in sorted(set(whole)))])


def evaluation_decoders() -> ImageDecoders:
    """Returns what decodes evaluation images, in processes of their own; its processes start with the first image."""
    return ImageDecoders(partial(measure_image, max_source_pixels=_MAX_PIXELS), timeout_s=_DECODE_TIMEOUT_S)


def read_evaluation(
    files: EvaluationFiles, decoders: ImageDecoders, scorer: ClipScorer | None = None
) -> Iterator[pa.RecordBatch]:
    """Yields EVALUATION_SCHEMA; an image that cannot be decoded is logged and left out.

    Args:
        files: one element of `plan_evaluation`.
        decoders: of `evaluation_decoders`.
        scorer: whose embeddings become a further column, null where it cannot read an image; None: no such column.

    Raises:
        InputError: a file cannot be read, or is a table, of which there are no embeddings; an image was not decoded in
            time, or took its decoder with it.
    """
    if files.paths[0].lower().endswith(".parquet"):
        if scorer is not None:
            shown = public_url(files.paths[0])
            raise InputError(f"{shown} holds hashes, of which no model makes embeddings; name the images")
        with open_named_file(files.paths[0], setting=_SETTING, remedy=_TABLE_REMEDY) as file:
            table = pq.ParquetFile(file)
            names = [name for name in EVALUATION_SCHEMA.names if name in table.schema_arrow.names]
            for batch in table.iter_batches(_AT_ONCE, columns=names):
                yield _with_all_columns(batch)
        return
    yield from _hashed(_members(files.paths), decoders, scorer)


def write_hashes(sources: Sequence[str], output: str, scorer: ClipScorer | None = None) -> int:
    """Writes the hashes of all images that the sources have as a table of EVALUATION_SCHEMA; returns its rows.

    Args:
        sources: folders, globs or paths, any fsspec URLs.
        output: the table, any fsspec URL.
        scorer: whose embeddings become a further column, its fingerprint the table's metadata; None: hashes alone.

    Raises:
        InputError: there are no images, or the table cannot be written.
    """
    rows = 0
    schema = EVALUATION_SCHEMA if scorer is None else embedding_schema(scorer)
    planned = plan_evaluation(sources)
    folder, _, name = output.rpartition("/")
    # Whole or not at all: a table of half the images would let the others through.
    with (
        closing(evaluation_decoders()) as decoders,
        storage_failures(InputError, f"cannot write --output {public_url(output)}"),
        RunFolder(folder or ("/" if output.startswith("/") else ".")).writing(name) as file,
        pq.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        for files in planned:
            for batch in read_evaluation(files, decoders, scorer):
                writer.write_batch(batch)
                rows += len(batch)
    return rows


def _with_all_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns a table's rows as EVALUATION_SCHEMA; a column that came later than the table is null."""
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in batch.schema.names
        else pa.nulls(len(batch), field.type)
        for field in EVALUATION_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EVALUATION_SCHEMA)


def _check_table(path: str) -> None:
    with open_named_file(path, setting=_SETTING, remedy=_TABLE_REMEDY) as file:
        schema = pq.read_schema(file)
    for field in EVALUATION_SCHEMA:
        if field.nullable and field.name not in schema.names:
            continue
        if field.name not in schema.names or schema.field(field.name).type != field.type:
            shown = public_url(path)
            raise InputError(f"{shown} has no column {field.name!r} of {field.type}; {_TABLE_REMEDY}")


def _members(paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yields (name, content) of each image; its name is `folder/file`, in a shard `shard/member`."""
    for path in paths:
        with open_named_file(path, setting=_SETTING, remedy="copy it again") as file:
            if not path.lower().endswith(".tar"):
                yield "/".join(path.split("/")[-2:]), file.read()
                continue
            with tarfile.open(fileobj=file, mode="r|") as shard:
                for member in shard:
                    if member.name.lower().endswith(_IMAGES) and (content := shard.extractfile(member)) is not None:
                        yield f"{posixpath.basename(path)}/{member.name}", content.read()


def embedding_schema(scorer: ClipScorer) -> pa.Schema:
    """Returns EVALUATION_SCHEMA with a scorer's embeddings."""
    vector = scorer.result_schema(embeddings=True).field(EMBEDDINGS["img_emb"]).type
    schema = EVALUATION_SCHEMA.append(pa.field(EMBEDDING, vector))
    return schema.with_metadata({MODEL_KEY: scorer.fingerprint})


def _hashed(
    images: Iterable[tuple[str, bytes]], decoders: ImageDecoders, scorer: ClipScorer | None
) -> Iterator[pa.RecordBatch]:
    images = iter(images)
    while part := list(islice(images, _DECODED_AT_ONCE)):
        records, bodies = [], []
        for (name, body), measured in zip(part, decoders.in_order(body for _, body in part), strict=True):
            if not isinstance(measured, ImageFailure):
                records.append({"name": name, "sha256": hashlib.sha256(body).hexdigest(), **measured.columns()})
                bodies.append(body)
            elif measured.reason in OF_THE_MACHINE:
                raise InputError(f"evaluation image {name}: {measured.detail}; run again, or take it out of the set")
            else:
                logging.warning("evaluation image %s is left out: %s, %s", name, measured.reason.value, measured.detail)
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
