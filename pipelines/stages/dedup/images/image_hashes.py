"""Rows of hashes: what image dedup and decontamination compare, and the digests and records that they make of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.dedup import IMAGE_HASHES, WHOLE_VIEW, has_varied_rows
from babelsift.filters.image import CROP_BYTES, CROPS, VIEW_CROPS, low_bits, split_views
from babelsift.filters.mix64 import mix64
from babelsift.filters.uids import digests, uid_bytes
from babelsift.pipelines.core.groups.lowest_per_digest import Digest
from babelsift.pipelines.staging.image_rows import ImageRows, image_rows
from babelsift.schemas.recipe import DedupImagesSettings

# Of duplicates the row of the lowest rank is kept: images of earlier runs and of evaluation sets before this run's.
EARLIER_RANK = 0
THIS_RUN_RANK = 1
_LARGEST_AREA = 1 << 62
_RANK = pa.field("rank", pa.uint64(), nullable=False)
_HASHES = ("phash", "phash_crops", "phash_views", "phash_colours", "phash_quality")
_COMPARED = ("uid", "caption", "sha256", "pixels_digest", *_HASHES)
_HASHED = [*_COMPARED, "original_width", "original_height"]


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
    images = compared_images(batch, settings).first
    return hash_rows(batch.select(_HASHED).take(pa.array(images)), settings)


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


def content_digest(settings: DedupImagesSettings) -> Digest:
    """Returns what makes two images' content equal by the settings, as hash rows -> digests."""
    return partial(content_digests, pixels=settings.exact == "pixels", captions=settings.by == "image_and_caption")


def phash_digests(rows: pa.RecordBatch, *, captions: bool) -> np.ndarray:
    """Returns S16[n], the digest that rows with equal perceptual hashes (and captions, where asked for) share."""
    return digests(*[rows.column(name) for name in ("phash", "caption")[: 1 + captions]])


def has_structure(rows: pa.RecordBatch, min_quality: float) -> np.ndarray:
    """Returns bool[n]: whether an image has enough structure to be told from others by its perceptual hash."""
    return rows.column("phash_quality").to_numpy(zero_copy_only=False) >= np.float32(min_quality)


def hashed_records(rows: pa.RecordBatch, settings: DedupImagesSettings) -> np.ndarray:
    """Returns one IMAGE_HASHES record a row, and one a crop and a view of images varied enough to be compared by them.

    Args:
        rows: hash rows.
        settings: whether crops, and views of images in any orientation, are compared at all, and captions with them.

    Returns:
        IMAGE_HASHES[m], the whole images first; `low` is zero where no crops are compared.
    """
    hashes = _fixed_bytes(rows.column("phash"))
    whole = np.zeros(len(rows), dtype=IMAGE_HASHES)
    whole["hash"] = hashes.view("<u8")
    whole["rank"], whole["uid"] = ranks_of(rows), uid_bytes(rows.column("uid"))
    if settings.by == "image_and_caption":
        caption_digests = digests(rows.column("caption"))
        whole["group"] = np.ascontiguousarray(caption_digests).view("<u8").reshape(-1, 2)[:, 0]
    if not settings.near_crops:
        return whole
    whole["low"] = low_bits(hashes).view("<u8")
    varied = has_varied_rows(whole["hash"])
    known, colours = _known(rows.column("phash_colours"), varied)
    whole["colours"][known] = colours.view("<i2")
    views = _view_records(rows, whole, varied, settings.orientations)
    return np.concatenate([whole, *_crop_records(rows, whole, varied), *views])


def _crop_records(rows: pa.RecordBatch, whole: np.ndarray, varied: np.ndarray) -> Iterator[np.ndarray]:
    known, crops = _known(rows.column("phash_crops"), varied)
    crops = crops.reshape(-1, CROPS, CROP_BYTES)
    for number in range(CROPS):
        yield _with_low(whole[known], crops[:, number], 1 + number)


def _view_records(
    rows: pa.RecordBatch, whole: np.ndarray, varied: np.ndarray, orientations: bool
) -> Iterator[np.ndarray]:
    yield _with_low(whole[varied], np.ascontiguousarray(whole["low"][varied]).view(np.uint8), WHOLE_VIEW)
    known, stored = _known(rows.column("phash_views"), varied)
    views, images = split_views(stored), whole[known]
    for number in range(VIEW_CROPS):
        exists = views.exists[:, number]
        yield _with_low(images[exists], views.crops[exists, number], 1 + CROPS + number)
    for number in range(views.oriented.shape[1]):
        exists = views.exists[:, VIEW_CROPS + number]
        oriented = _with_low(images[exists], views.oriented[exists, number], WHOLE_VIEW + 1 + number)
        if not orientations:
            oriented["group"] ^= mix64(1 + views.orientations[exists, number].astype(np.uint64))
        yield oriented


def _known(column: pa.Array, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (the indices of the chosen rows that have a value, their bytes)."""
    known = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False) & chosen)
    return known, _fixed_bytes(column.take(pa.array(known)))


def _with_low(images: np.ndarray, low: np.ndarray, number: int) -> np.ndarray:
    """Returns the records of one crop, or view, of each image; low: uint8[n, CROP_BYTES]."""
    records = images.copy()
    records["hash"], records["low"] = 0, np.ascontiguousarray(low).view("<u8").reshape(-1, 2)
    records["crop"] = number
    return records


def _fixed_bytes(column: pa.Array) -> np.ndarray:
    """Returns uint8[n, width] of fixed-size binary values without nulls."""
    width = column.type.byte_width
    flat = np.frombuffer(column.buffers()[1], dtype=np.uint8) if len(column) else np.empty(0, dtype=np.uint8)
    return flat[column.offset * width : (column.offset + len(column)) * width].reshape(-1, width)
