"""What a recipe calls the same: pairs, and images."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from babelsift.schemas.recipe.groups.numbers import Count, PositiveInt, Ratio
from babelsift.schemas.recipe.groups.settings import Settings


class NearCaptions(Settings):
    """Which captions are nearly the same: Jaccard similarity of their sets of shingles, candidates by MinHash.

    Equal captions are nearly the same, too. Captions are compared as `normalise_captions` would. Two captions of
    similarity s become candidates with probability 1 - (1 - s^rows)^bands; by default there are 10 bands of 6 rows:
    0.999 at 0.9, 0.952 at 0.8, 0.714 at 0.7, 0.146 at 0.5.

    Attributes:
        min_jaccard: captions at least as similar are one
        ngram: characters a shingle; two in scripts without spaces
        permutations: minimal hashes a caption, at most
        min_recall: of the pairs just as similar as `min_jaccard`, the share that must be found
        min_characters: captions with fewer letters, marks and digits are left alone
    """

    min_jaccard: Annotated[float, Field(gt=0, le=1)] = 0.8
    ngram: PositiveInt = 5
    permutations: Annotated[int, Field(ge=1, le=1024)] = 64
    min_recall: Annotated[float, Field(gt=0, lt=1)] = 0.95
    min_characters: Count = 0

    @property
    def banding(self) -> tuple[int, int]:
        """(bands, rows a band): as many rows as the permutations allow, as they keep unlike captions apart."""
        for rows in range(self.permutations, 0, -1):
            bands = _bands(self.min_jaccard**rows, self.min_recall)
            if bands * rows <= self.permutations:
                return bands, rows
        raise ValueError(
            f"near_captions: {self.permutations} permutations find fewer than {self.min_recall:g} of the pairs at "
            f"min_jaccard {self.min_jaccard:g}; set permutations to {_bands(self.min_jaccard, self.min_recall)} or more"
        )

    @model_validator(mode="after")
    def _reaches_recall(self) -> NearCaptions:
        _ = self.banding
        return self


def _bands(shared: float, recall: float) -> int:
    """How many bands it takes to share one, if each is shared with probability `shared`."""
    return 1 if shared >= recall else math.ceil(math.log1p(-recall) / math.log1p(-shared))


class DedupPairsSettings(Settings):
    """What makes two pairs the same. Equal url and caption always do; `by` may ask for more.

    What is kept stays as it was written: canonical URLs and normalised captions are compared, never stored.

    Attributes:
        by: url_and_caption, url, or caption
        canonical_urls: scheme, host case, default ports, fragment, tracking parameters make no difference
        normalise_captions: case, width and punctuation make no difference
        near_captions: nearly equal captions; null: off
        earlier: folders or globs of datasets to stay clear of: parquet of uid, url_digest or URLs, npy of uids
    """

    by: Literal["url_and_caption", "url", "caption"] = "url_and_caption"
    canonical_urls: bool = False
    normalise_captions: bool = False
    near_captions: NearCaptions | None = None
    earlier: tuple[str, ...] = ()


class RemovalRateBounds(Settings):
    """The share of a host's or a language's pairs that a stage is expected to remove; out of these bounds it warns.

    Attributes:
        min_removal_rate: of a host's or a language's pairs; below it the report and the terminal warn; null: never
        max_removal_rate: the same beyond it; null: never
    """

    min_removal_rate: Ratio | None = None
    max_removal_rate: Ratio | None = 0.5


class DedupImagesSettings(RemovalRateBounds):
    """Which images are the same: equal bytes or pixels, or perceptual hashes within a Hamming radius.

    Attributes:
        exact: true: equal bytes; pixels: of the decoded image, whatever its container; false: off
        near_radius_bits: Hamming radius of the 256-bit perceptual hash; null: off
        near_crops: also find copies that are cut, framed, turned by a few degrees or written upon
        orientations: with `near_crops`: also find copies that are mirrored, or turned by 90 degrees
        min_phash_quality: blank images, gradients and flat logos lie below 0.1: their hashes merge nothing
        by: image; image_and_caption: one photo may keep different captions
        survivor: lowest_uid or largest_original
        texts: of images that are left out: drop their texts too, or `merge` them into the image that is kept, against
            which they are scored; a text that it has already is left out
        earlier: run folders to stay clear of: what they keep wins; their images are not read
    """

    exact: Annotated[bool, Field(strict=True)] | Literal["bytes", "pixels"] = True
    near_radius_bits: Annotated[int, Field(ge=0, le=64)] | None = None
    near_crops: bool = True
    orientations: bool = True
    min_phash_quality: Ratio = 0.1
    by: Literal["image", "image_and_caption"] = "image"
    survivor: Literal["lowest_uid", "largest_original"] = "lowest_uid"
    texts: Literal["drop", "merge"] = "drop"
    earlier: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _images_are_compared(self) -> DedupImagesSettings:
        if self.texts == "merge" and self.by != "image":
            raise ValueError(
                "dedup_images.texts: merge needs by: image; of copies with other captions none is left out"
            )
        return self


class DedupSemanticSettings(RemovalRateBounds):
    """Which images mean the same: SemDeDup, by the stored image embeddings of a CLIP model.

    Attributes:
        model: the CLIP model's name; null: the first
        epsilon: images of a cluster with a cosine above 1 - epsilon are one
        clusters: of k-means; null: one for some thousand images
        sample_rows: images that the clusters are found on, drawn by uid
        survivor: `farthest` or `nearest` of the cluster's centroid, `best_similarity`, `lowest_uid`; the published rule
            keeps the farthest
        report_only: duplicates.parquet says what would go, and nothing goes
        earlier: run folders to stay clear of, scored by the same model: what they keep wins; their images are not read
    """

    model: str | None = None
    epsilon: Annotated[float, Field(gt=0, lt=1)] = 0.05
    clusters: PositiveInt | None = None
    sample_rows: PositiveInt = 200_000
    survivor: Literal["farthest", "nearest", "best_similarity", "lowest_uid"] = "farthest"
    report_only: bool = False
    earlier: tuple[str, ...] = ()


class DecontaminateSettings(Settings):
    """Evaluation sets that no pair's image may be in: equal pixels, or a perceptual hash within a Hamming radius.

    Attributes:
        against: folders or globs of images, webdataset shards (.tar), or what `babelsift hash` wrote (.parquet); none:
            off
        radius_bits: of the 256-bit perceptual hash; null: equal pixels only
        crops: find copies that are cut, framed, turned by a few degrees or written upon, too
        orientations: with `crops`: also find copies that are mirrored, or turned by 90 degrees
        min_phash_quality: images below it are compared by their pixels only
        embeddings: of evaluation images: what `babelsift hash --model` wrote, or `.npy`; compared after scoring
        min_cosine: of an embedding with one of those, from which on it is the same image; needs `embeddings`, and they
            it
        model: the CLIP model whose embeddings are compared; null: the first
    """

    against: tuple[str, ...] = ()
    radius_bits: Annotated[int, Field(ge=0, le=64)] | None = 31
    crops: bool = True
    orientations: bool = True
    min_phash_quality: Ratio = 0.1
    embeddings: tuple[str, ...] = ()
    min_cosine: Annotated[float, Field(gt=0, le=1)] | None = None
    model: str | None = None

    @model_validator(mode="after")
    def _cosines_have_both_sides(self) -> DecontaminateSettings:
        if (self.min_cosine is not None) != bool(self.embeddings):
            raise ValueError("decontaminate: min_cosine and embeddings need one another; set both, or none")
        return self
