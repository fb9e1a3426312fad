"""One shard of another program's staging folder, as rows of ours: what became of each pair, where its image is."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from babelsift.filters.hash_lists import DIGEST_BYTES, NO_LISTS, HashLists
from babelsift.filters.image import ImageFailure, MeasuredImage
from babelsift.filters.uids import compute_uids
from babelsift.pipelines.decoding import OF_THE_MACHINE, ImageDecoders
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import STATS, TAR
from babelsift.pipelines.stages.img2dataset_folder.table import read_img2dataset_table
from babelsift.pipelines.stages.img2dataset_folder.tar import TarSample, TarWalk
from babelsift.pipelines.staging.img2dataset.imported_rows import IMPORTED_SCHEMA
from babelsift.pipelines.staging.img2dataset.status import reason_of
from babelsift.pipelines.staging.layout import FAILED_TO_DOWNLOAD, FAILED_TO_RESIZE, LISTED_URL, SUCCESS
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_MEASURED_TOGETHER, _BYTES_TOGETHER = 128, 64 * 2**20  # images in memory at once
_MAX_PROBLEMS = 20
_PAIR = ("url", "caption")
_REASONS = frozenset(reason.value for reason in RejectReason)
_EXTENSIONS = {"jpeg": "jpg"}
_OWN = frozenset([*IMPORTED_SCHEMA.names, LISTED_URL])


@dataclass(frozen=True)
class ImportedShard:
    """What was found of a shard.

    Attributes:
        rows: IMPORTED_SCHEMA, and the columns that the folder has beyond it.
        problems: one line each.
    """

    rows: pa.Table
    problems: tuple[str, ...]


def import_shard(
    source: RunFolder,
    name: str,
    settings: DownloadSettings,
    decoders: ImageDecoders,
    lists: HashLists = NO_LISTS,
) -> ImportedShard:
    """Reads a shard: its tar, and its table where there is one.

    Without a readable table the rows are those of the tar's samples. Hashes that the table lacks, the perceptual hash
    and `original_bytes` are those of the bytes as stored.
    """
    problems: list[str] = []
    table = read_img2dataset_table(source, name, problems)
    missing = dict(table.keys) if table else {}
    records: list[dict[str, Any]] = []
    table_rows: list[int | None] = []
    documents: list[Mapping[str, Any]] = []
    for sample, measured in _walk(source, name, settings, decoders, problems):
        table_row = missing.pop(sample.key, None)
        if table is not None and table_row is None:
            problems.append(f"{name}.parquet has no row for {sample.key}; its json member serves")
        row = _described(sample) if table_row is None or table is None else table.row(table_row)
        listed = _list_with(row, sample, measured, lists) if lists else None
        records.append(_with_image(row, sample, measured) if listed is None else _withheld(row, sample, listed))
        table_rows.append(table_row)
        documents.append(sample.document)
    torn = next((problem for problem in problems if problem.startswith(name + TAR)), None)
    for table_row in missing.values():
        assert table is not None
        records.append(_without_image(table.row(table_row), torn or f"{name}{TAR} has no such image"))
        table_rows.append(table_row)
    carried = table.carried(table_rows) if table else _carried_of(documents)
    _compare_stats(source, name, len(records), problems)
    return ImportedShard(_as_table(records, carried), tuple(problems[:_MAX_PROBLEMS]))


def _walk(
    source: RunFolder, name: str, settings: DownloadSettings, decoders: ImageDecoders, problems: list[str]
) -> Iterator[tuple[TarSample, MeasuredImage | ImageFailure | None]]:
    """The tar's samples, each with what its image is; a tar that is gone or breaks off is a problem."""
    if not source.exists(name + TAR):
        problems.append(f"{name}{TAR} is gone; put it back, or remove the shard's files and run img2dataset again")
        return
    with source.open(name + TAR) as file:
        walk = TarWalk(file, max_image_bytes=settings.max_body_bytes)
        for samples in _batched(walk.samples()):
            yield from zip(samples, decoders.in_order(sample.image for sample in samples), strict=True)
    if walk.torn:
        remedy = "what is whole is used; for the rest remove the shard's files and run img2dataset again"
        problems.append(f"{name}{TAR} {walk.torn}; {remedy}")


def _batched(samples: Iterable[TarSample]) -> Iterator[list[TarSample]]:
    batch: list[TarSample] = []
    held = 0
    for sample in samples:
        batch.append(sample)
        held += len(sample.image or b"")
        if len(batch) >= _MEASURED_TOGETHER or held >= _BYTES_TOGETHER:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _described(sample: TarSample) -> dict[str, Any]:
    """What a tar says of a sample itself."""
    record: dict[str, Any] = {"status": SUCCESS}
    for name in ("url", "caption", "exif", "sha256", "reason", "detail", "error_message", "md5", "sha512"):
        value = sample.document.get(LISTED_URL if name == "url" and LISTED_URL in sample.document else name)
        record[name] = value.encode("utf-8", "replace").decode() if isinstance(value, str) else None
    for name in ("original_width", "original_height"):
        value = sample.document.get(name)
        record[name] = value if type(value) is int and 0 < value < 2**31 else None
    if record["caption"] is None:
        record["caption"] = sample.text
    return record


def _with_image(
    row: dict[str, Any], sample: TarSample, measured: MeasuredImage | ImageFailure | None
) -> dict[str, Any]:
    if row["status"] != SUCCESS or measured is None:
        return _without_image(row, "its sample has no image") | {"key": sample.key}
    extension = _EXTENSIONS.get(sample.extension, sample.extension)
    if isinstance(measured, MeasuredImage) and (measured.format != extension or sample.extension != extension):
        detail = f"{measured.format} named .{sample.extension}"
        measured = ImageFailure(RejectReason.IMAGE_FORMAT_NOT_ALLOWED, detail)
    if isinstance(measured, ImageFailure):
        status = FAILED_TO_DOWNLOAD if measured.reason in OF_THE_MACHINE else FAILED_TO_RESIZE
        failed = {"status": status, "reason": measured.reason.value, "detail": measured.detail}
        return {**row, **failed, "key": sample.key}
    image = sample.image or b""
    sha256 = row["sha256"] if row["sha256"] and _SHA256.match(row["sha256"]) else hashlib.sha256(image).hexdigest()
    return {
        **row,
        "key": sample.stem,
        "error_message": None,
        "reason": None,
        "detail": None,
        "width": measured.width,
        "height": measured.height,
        "original_width": row["original_width"] or measured.width,
        "original_height": row["original_height"] or measured.height,
        "original_bytes": len(image),
        "sha256": sha256,
        **measured.columns(),
        "image_extension": extension,
        "image_offset": sample.offset,
        "image_size": len(image),
        "image_crc32": zlib.crc32(image),
    }


def _list_with(
    row: dict[str, Any], sample: TarSample, measured: MeasuredImage | ImageFailure | None, lists: HashLists
) -> str | None:
    """The name of the hash list that an image is on: by the file, its pixels, or what was said of the file served."""
    if sample.image is not None and (name := lists.name_of_bytes(sample.image)) is not None:
        return name
    hashes: dict[str, Any] = {column: _bytes_of_hex(row.get(column), column) for column in ("md5", "sha256")}
    if isinstance(measured, MeasuredImage):
        hashes |= {"pdq": measured.pdq, "pdq_quality": measured.pdq_quality}
    return lists.name_of(hashes)


def _bytes_of_hex(text: str | None, algorithm: str) -> bytes | None:
    is_digest = text is not None and re.fullmatch(r"[0-9a-fA-F]+", text) is not None
    return bytes.fromhex(text) if is_digest and text and len(text) == 2 * DIGEST_BYTES[algorithm] else None


def _withheld(row: dict[str, Any], sample: TarSample, name: str) -> dict[str, Any]:
    """The row of an image on a hash list: the pair as the folder has it, which is only read, and no hash."""
    pair = {column: row[column] for column in _PAIR}
    failed = {"status": FAILED_TO_RESIZE, "reason": RejectReason.ON_HASH_LIST.value, "detail": name}
    return {**pair, **failed, "key": sample.key}


def _without_image(row: dict[str, Any], lost: str) -> dict[str, Any]:
    """The row of a pair that has no image: its own reason, or that the image is not where the row says."""
    if row["status"] == SUCCESS:
        return {**row, "status": FAILED_TO_DOWNLOAD, "reason": RejectReason.LOST_IN_STAGING.value, "detail": lost}
    if row["reason"] in _REASONS:
        return row
    reason, detail = reason_of(row["status"], row["error_message"])
    return {**row, "reason": reason.value, "detail": detail}


def _carried_of(documents: list[Mapping[str, Any]]) -> dict[str, pa.Array]:
    """What samples' json says beyond img2dataset's own fields; values of several types in one field as JSON text."""
    names = dict.fromkeys(name for document in documents for name in document if name not in _OWN)
    columns = {}
    for name in names:
        values = [document.get(name) for document in documents]
        try:
            columns[str(name)] = pa.array(values)
        except (pa.ArrowException, UnicodeError):
            texts = [None if value is None else json.dumps(value) for value in values]
            columns[str(name)] = pa.array(texts, pa.string())
    return columns


def _compare_stats(source: RunFolder, name: str, rows: int, problems: list[str]) -> None:
    stats = source.read_json(name + STATS)
    if stats is None:
        problems.append(f"{name}{STATS} is missing: the shard was not finished; what is whole of it is used")
    elif isinstance(stats, dict) and stats.get("count") not in (None, rows):
        remedy = "remove the shard's files and run img2dataset again for the others"
        problems.append(f"{name}{STATS} counts {stats['count']} rows, {rows} were found; {remedy}")


def _as_table(records: list[dict[str, Any]], carried: Mapping[str, pa.Array]) -> pa.Table:
    rows = pa.Table.from_pylist(records, schema=IMPORTED_SCHEMA)
    pair = (pa.concat_arrays(rows.column(name).chunks) if len(rows) else pa.array([], pa.string()) for name in _PAIR)
    rows = rows.set_column(0, IMPORTED_SCHEMA.field("uid"), compute_uids(*pair))
    for name, values in carried.items():
        rows = rows.append_column(name, values)
    return rows.sort_by("key")
