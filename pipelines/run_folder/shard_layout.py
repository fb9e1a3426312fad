"""How final shards are laid out: their folders, names and keys, and what of a row they hold."""

from __future__ import annotations

from dataclasses import dataclass

from babelsift.schemas.columns import IMAGE_MEASURES

# Where a pair's bytes lay in staging depends on how often a run was interrupted, so it never reaches a shard.
INTERNAL_COLUMNS = frozenset(("key", "status", "staging_shard", "image_offset", "image_size", "image_crc32"))
INTERNAL_COLUMNS |= {"sample_uid", "text_rank"}
# Nor do the hashes that only deduplication compares.
INTERNAL_COLUMNS |= {"phash", "phash_quality", "phash_crops", "phash_views", "phash_colours", "pixels_digest"}
# Nor what decides about an image and says nothing to who trains on it.
INTERNAL_COLUMNS |= {measure.name for measure in IMAGE_MEASURES}


@dataclass(frozen=True)
class Split:
    """A part of the product.

    Attributes:
        name: as trainers know it.
        folder: where its shards lie.
        prefix: with which its samples' keys begin.
        embeddings: where the embeddings of its samples lie.
        images: where the tables of its images lie.
    """

    name: str
    folder: str
    prefix: str
    embeddings: str
    images: str


TRAIN = Split("train", "shards", "", "embeddings", "images")
VALIDATION = Split("validation", "validation", "v", "embeddings-validation", "images-validation")
SPLITS = {split.name: split for split in (TRAIN, VALIDATION)}


def shard_name(shard: int) -> str:
    """Returns a shard's name without suffix."""
    return f"{shard:08d}"


def sample_key(shard: int, index: int, samples_per_shard: int, *, split: Split = TRAIN) -> str:
    """Returns a sample's key: its shard's name and its place there; unique in the whole data set."""
    return f"{split.prefix}{shard_name(shard)}{index:0{len(str(samples_per_shard - 1))}d}"
