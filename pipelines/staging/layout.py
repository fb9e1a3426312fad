"""How staging shards are laid out: names, keys, columns and modes, as img2dataset 1.47 has them.

OUT/staging/images/NNNNN.tar         images, captions and json, successes only, in the order in which they came
                  /NNNNN.parquet     every row, failures too, and where in the tar its image lies
                  /NNNNN_stats.json  written last: what makes the shard count
Partition p of P owns the shard numbers p, p + P, p + 2P, ...
"""

from __future__ import annotations

import math

import pyarrow as pa

from babelsift.pipelines.storage.tar_members import TarMembers
from babelsift.schemas.columns import (
    FURTHER_IMAGE_COLUMNS,
    IMAGE_MEASURES,
    PDQ_BYTES,
    PHASH_BYTES,
    PHASH_COLOURS_BYTES,
    PHASH_CROPS_BYTES,
    PHASH_VIEWS_BYTES,
)

STAGING = "staging/images"
LISTED_URL = "listed_url"  # in what img2dataset made of a list of ours: the URL as pairs have it
MEMBERS = TarMembers(mode=0o444)
STAGED_SCHEMA = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("error_message", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("original_width", pa.int32()),
        pa.field("original_height", pa.int32()),
        pa.field("exif", pa.string()),
        pa.field("sha256", pa.string()),
        pa.field("original_bytes", pa.int64()),
        pa.field("phash", pa.binary(PHASH_BYTES)),
        pa.field("phash_quality", pa.float32()),
        pa.field("image_extension", pa.string()),
        pa.field("image_offset", pa.int64()),
        pa.field("image_size", pa.int64()),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
        # Later than the others: shards that were staged without them are read as having nulls there.
        pa.field("image_crc32", pa.uint32()),
        pa.field("pixels_digest", pa.string()),
        pa.field("phash_crops", pa.binary(PHASH_CROPS_BYTES)),
        pa.field("md5", pa.string()),
        pa.field("sha512", pa.string()),
        pa.field("phash_views", pa.binary(PHASH_VIEWS_BYTES)),
        pa.field("phash_colours", pa.binary(PHASH_COLOURS_BYTES)),
        *(pa.field(measure.name, measure.type) for measure in (*IMAGE_MEASURES, *FURTHER_IMAGE_COLUMNS)),
        # Of recipes that name hash lists.
        pa.field("sha1", pa.string()),
        pa.field("pdq", pa.binary(PDQ_BYTES)),
        pa.field("pdq_quality", pa.int32()),
    ]
)
LATER_COLUMNS = (
    "image_crc32",
    "pixels_digest",
    "phash_crops",
    "md5",
    "sha512",
    "phash_views",
    "phash_colours",
    *(measure.name for measure in (*IMAGE_MEASURES, *FURTHER_IMAGE_COLUMNS)),
    "sha1",
    "pdq",
    "pdq_quality",
)
SUCCESS, FAILED_TO_DOWNLOAD, FAILED_TO_RESIZE = "success", "failed_to_download", "failed_to_resize"

_SHARD_DIGITS = 5


def shard_name(shard: int) -> str:
    """Returns a staging shard's name, without suffix."""
    return f"{shard:0{_SHARD_DIGITS}d}"


def shard_path(shard: int, suffix: str) -> str:
    """Returns the path, within the run folder, of one of a staging shard's files."""
    return f"{STAGING}/{shard_name(shard)}{suffix}"


def staging_key(shard: int, index: int, *, samples_per_shard: int) -> str:
    """Returns the key of the row at `index` of a shard, as img2dataset's `compute_key` does."""
    digits = math.ceil(math.log10(samples_per_shard))
    return f"{shard * 10**digits + index:0{digits + _SHARD_DIGITS}d}"
