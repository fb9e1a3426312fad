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
    """Which images are the same: equal bytes, or perceptual hashes within a Hamming radius."""

    exact: bool = True
    near_radius_bits: Annotated[int, Field(ge=0, le=64)] | None = None
    min_phash_quality: Ratio = 0.1
