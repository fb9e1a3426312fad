"""Rows of hashes: what image dedup and decontamination compare, and the digests and records that they make of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.dedup import IMAGE_HASHES, has_varied_rows
from babelsift.filters.image import CROP_BYTES, CROPS, low_bits
from babelsift.filters.uids import digests, uid_bytes
from babelsift.pipelines.staging.image_rows import ImageRows, image_rows
from babelsift.schemas.recipe import DedupImagesSettings

# Of duplicates the row of the lowest rank is kept: images of earlier runs and of evaluation sets before this run's.
EARLIER_RANK = 0
THIS_RUN_RANK = 1
_LARGEST_AREA = 1 << 62
_RANK = pa.field("rank", pa.uint64(), nullable=False)
_COMPARED = ("uid", "caption", "sha256", "pixels_digest", "phash", "phash_crops", "phash_quality")


def hash_rows(batch: pa.RecordBatch, settings: DedupImagesSettings) -> pa.RecordBatch:
    """Returns the columns that are compared, and each row's rank.

    Args:
        batch: DOWNLOAD_SCHEMA.
        settings: whose `survivor` says which row of several is kept.
    """
    if settings.survivor == "largest_original":
        width, height = (batch.column(f"original_{side}").cast(pa.int64()) for side in ("width", "height"))
        ranks = pc.cast(pc.subtract(_LARGEST_AREA, pc.multiply(width, height)), pa.uint64())
    else:
        ranks = pa.array(np.full(len(batch), THIS_RUN_RANK, dtype=np.uint64))
    return with_ranks(batch, ranks)


def compared_images(batch: pa.RecordBatch, settings: DedupImagesSettings) -> ImageRows:
    """Returns the images of a batch's rows; where captions are compared too, each row is by itself."""
    if settings.by == "image_and_caption":
        return ImageRows(np.arange(len(batch)), np.arange(len(batch)))
    return image_rows(batch)


def hashes_of_images(batch: pa.RecordBatch, settings: DedupImagesSettings) -> pa.RecordBatch:
    """Returns the hash rows of a batch's images, each by the pair that stands for it."""
    return hash_rows(batch.take(pa.array(compared_images(batch, settings).first)), settings)


def with_ranks(batch: pa.RecordBatch, ranks: pa.Array) -> pa.RecordBatch:
    """Returns the columns that are compared, with these ranks, uint64[n]."""
    schema = pa.schema([*(batch.schema.field(name) for name in _COMPARED), _RANK])
    return pa.RecordBatch.from_arrays([*(batch.column(name) for name in _COMPARED), ranks], schema=schema)


def ranks_of(rows: pa.RecordBatch) -> np.ndarray:
    """Returns uint64[n], the ranks of hash rows."""
    return rows.column("rank").to_numpy()


def content_digests(rows: pa.RecordBatch, *, pixels: bool, captions: bool) -> np.ndarray:
    """Returns the digest that rows with equal bytes share.

    Args:
        rows: hash rows.
        pixels: rows with equal pixels share it; where their digest is not known, rows with equal bytes.
        captions: only rows with an equal caption share it.

    Returns:
        V16[n] or S16[n].
    """
    columns = [rows.column("sha256")]
    if pixels:
        columns = [pc.coalesce(rows.column("pixels_digest"), columns[0])]
    if captions:
        return digests(*columns, rows.column("caption"))
    return uid_bytes(pc.utf8_slice_codeunits(columns[0], 0, 32))


def phash_digests(rows: pa.RecordBatch, *, captions: bool) -> np.ndarray:
    """Returns S16[n], the digest that rows with equal perceptual hashes (and captions, where asked for) share."""
    return digests(*[rows.column(name) for name in ("phash", "caption")[: 1 + captions]])


def has_structure(rows: pa.RecordBatch, min_quality: float) -> np.ndarray:
    """Returns bool[n]: whether an image has enough structure to be told from others by its perceptual hash."""
    return rows.column("phash_quality").to_numpy(zero_copy_only=False) >= np.float32(min_quality)


def hashed_records(rows: pa.RecordBatch, *, captions: bool, crops: bool) -> np.ndarray:
    """Returns one IMAGE_HASHES record a row, and one a crop where crops are known and varied enough to be compared.

    Args:
        rows: hash rows.
        captions: only rows with an equal caption are compared.
        crops: whether crops are compared at all.

    Returns:
        IMAGE_HASHES[m], the whole images first.
    """
    hashes = _fixed_bytes(rows.column("phash"))
    whole = np.zeros(len(rows), dtype=IMAGE_HASHES)
    whole["hash"], whole["low"] = hashes.view("<u8"), low_bits(hashes).view("<u8")
    whole["rank"], whole["uid"] = ranks_of(rows), uid_bytes(rows.column("uid"))
    if captions:
        caption_digests = digests(rows.column("caption"))
        whole["group"] = np.ascontiguousarray(caption_digests).view("<u8").reshape(-1, 2)[:, 0]
    with_crops = np.empty(0, dtype=np.int64)
    if crops:
        is_known = rows.column("phash_crops").is_valid().to_numpy(zero_copy_only=False)
        with_crops = np.flatnonzero(is_known & has_varied_rows(whole["hash"]))
    cropped = np.repeat(whole[with_crops], CROPS)
    low = _fixed_bytes(rows.column("phash_crops").take(pa.array(with_crops))).reshape(-1, CROP_BYTES)
    cropped["hash"], cropped["low"] = 0, low.view("<u8")
    cropped["crop"] = np.tile(np.arange(1, CROPS + 1), len(with_crops))
    return np.concatenate([whole, cropped])


def _fixed_bytes(column: pa.Array) -> np.ndarray:
    """Returns uint8[n, width] of fixed-size binary values without nulls."""
    width = column.type.byte_width
    flat = np.frombuffer(column.buffers()[1], dtype=np.uint8) if len(column) else np.empty(0, dtype=np.uint8)
    return flat[column.offset * width : (column.offset + len(column)) * width].reshape(-1, width)
