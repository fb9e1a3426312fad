"""What image dedup and decontamination compare: slim rows of hashes, and what is made of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.dedup import IMAGE_HASHES, has_varied_rows
from babelsift.filters.image import CROP_BYTES, CROPS, low_bits
from babelsift.filters.uids import digests, uid_bytes
from babelsift.schemas.recipe import DedupImagesSettings

# rank: who survives, the lower first. 0 is what was there before the run: earlier runs, evaluation images.
BEFORE = 0
OWN = 1
_LARGEST_AREA = 1 << 62
RANK = pa.field("rank", pa.uint64(), nullable=False)
_COLUMNS = ("uid", "caption", "sha256", "pixels_digest", "phash", "phash_crops", "phash_quality")


def hash_rows(batch: pa.RecordBatch, settings: DedupImagesSettings) -> pa.RecordBatch:
    """Returns the columns that are compared, and each row's rank.

    Args: batch: DOWNLOAD_SCHEMA.
    """
    if settings.survivor == "largest_original":
        width, height = (batch.column(f"original_{side}").cast(pa.int64()) for side in ("width", "height"))
        ranks = pc.cast(pc.subtract(_LARGEST_AREA, pc.multiply(width, height)), pa.uint64())
    else:
        ranks = pa.array(np.full(len(batch), OWN, dtype=np.uint64))
    return with_ranks(batch, ranks)


def with_ranks(batch: pa.RecordBatch, ranks: pa.Array) -> pa.RecordBatch:
    """Returns the columns that are compared, with these ranks."""
    schema = pa.schema([*(batch.schema.field(name) for name in _COLUMNS), RANK])
    return pa.RecordBatch.from_arrays([*(batch.column(name) for name in _COLUMNS), ranks], schema=schema)


def ranks_of(rows: pa.RecordBatch) -> np.ndarray:
    """Returns uint64[n], the ranks of slim rows."""
    return rows.column("rank").to_numpy()


def content_digests(rows: pa.RecordBatch, *, pixels: bool, captions: bool) -> np.ndarray:
    """Returns V16[n] or S16[n]: what rows with equal bytes share, or with equal pixels; and an equal caption.

    Where the pixels' digest is not known, that of the bytes stands for it.
    """
    columns = [rows.column("sha256")]
    if pixels:
        columns = [pc.coalesce(rows.column("pixels_digest"), columns[0])]
    if captions:
        return digests(*columns, rows.column("caption"))
    return uid_bytes(pc.utf8_slice_codeunits(columns[0], 0, 32))


def phash_digests(rows: pa.RecordBatch, *, captions: bool) -> np.ndarray:
    """Returns S16[n]: what rows with equal perceptual hashes share; and an equal caption."""
    return digests(*[rows.column(name) for name in ("phash", "caption")[: 1 + captions]])


def has_structure(rows: pa.RecordBatch, min_quality: float) -> np.ndarray:
    """Returns bool[n]: whether an image has enough structure to be told from others by its perceptual hash."""
    return rows.column("phash_quality").to_numpy(zero_copy_only=False) >= np.float32(min_quality)


def hashed_records(rows: pa.RecordBatch, *, captions: bool, crops: bool) -> np.ndarray:
    """Returns IMAGE_HASHES: one a row, and one for each of its crops where these are known, wanted, and say enough."""
    hashes = _fixed_bytes(rows.column("phash"))
    whole = np.zeros(len(rows), dtype=IMAGE_HASHES)
    whole["hash"], whole["low"] = hashes.view("<u8"), low_bits(hashes).view("<u8")
    whole["rank"], whole["uid"] = ranks_of(rows), uid_bytes(rows.column("uid"))
    if captions:
        caption_digests = digests(rows.column("caption"))
        whole["group"] = np.ascontiguousarray(caption_digests).view("<u8").reshape(-1, 2)[:, 0]
    known = np.empty(0, dtype=np.int64)
    if crops:
        given = rows.column("phash_crops").is_valid().to_numpy(zero_copy_only=False)
        known = np.flatnonzero(given & has_varied_rows(whole["hash"]))
    made = np.repeat(whole[known], CROPS)
    low = _fixed_bytes(rows.column("phash_crops").take(pa.array(known))).reshape(-1, CROP_BYTES)
    made["hash"], made["low"], made["crop"] = 0, low.view("<u8"), np.tile(np.arange(1, CROPS + 1), len(known))
    return np.concatenate([whole, made])


def _fixed_bytes(column: pa.Array) -> np.ndarray:
    """Returns uint8[n, width] of fixed-size binary values, none null."""
    width = column.type.byte_width
    flat = np.frombuffer(column.buffers()[1], dtype=np.uint8) if len(column) else np.empty(0, dtype=np.uint8)
    return flat[column.offset * width : (column.offset + len(column)) * width].reshape(-1, width)
