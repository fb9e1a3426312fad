"""What a recipe calls the same: pairs, and images."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.recipe.numbers import Ratio
from schemas.settings import Settings


class DedupPairsSettings(Settings):
    """What makes two pairs the same. Equal url and caption always do; `by` may ask for more.

    What is kept stays as it was written: canonical URLs and normalised captions are compared, never stored.
    """

    by: Literal["url_and_caption", "url", "caption"] = "url_and_caption"
    canonical_urls: bool = Field(
        default=False, description="scheme, host case, default ports, fragment, tracking parameters make no difference"
    )
    normalise_captions: bool = Field(default=False, description="case, width and punctuation make no difference")
    earlier: tuple[str, ...] = Field(
        default=(),
        description="folders or globs of datasets to stay clear of: parquet with uid or a URL column, or npy of uids",
    )


class DedupImagesSettings(Settings):
    """Which images are the same: equal bytes or pixels, or perceptual hashes within a Hamming radius."""

    exact: Annotated[bool, Field(strict=True)] | Literal["bytes", "pixels"] = Field(
        default=True, description="true: bytes; pixels: of the decoded image, whatever its container; false: off"
    )
    near_radius_bits: Annotated[int, Field(ge=0, le=64)] | None = None
    near_crops: bool = Field(default=True, description="also find copies with a few percent cut off, or a thin border")
    min_phash_quality: Ratio = Field(
        default=0.1, description="blank images, gradients and flat logos lie below 0.1: their hashes merge nothing"
    )
    by: Literal["image", "image_and_caption"] = Field(
        default="image", description="image_and_caption: one photo may keep different captions"
    )
    survivor: Literal["lowest_uid", "largest_original"] = "lowest_uid"
    earlier: tuple[str, ...] = Field(
        default=(), description="run folders to stay clear of: what they keep wins; their images are not read"
    )
    min_removal_rate: Ratio | None = None
    max_removal_rate: Ratio | None = Field(
        default=0.5, description="of a host's or a language's pairs; beyond it the report and the terminal warn"
    )


class DecontaminateSettings(Settings):
    """Evaluation sets that no pair's image may be in: equal pixels, or a perceptual hash within a Hamming radius.

    Attributes:
        against: folders or globs of images, webdataset shards (.tar), or what `babelsift hash` wrote (.parquet).
    """

    against: tuple[str, ...] = ()
    radius_bits: Annotated[int, Field(ge=0, le=64)] | None = 31
    crops: bool = True
    min_phash_quality: Ratio = 0.1
