"""Recipes: every setting that decides which pairs are kept and how they are stored, validated as a whole.

Units are in the names. `None` switches a threshold off; `0` means zero. `schemas.recipe_file` reads them from YAML.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from schemas.parts import PART_NAMES
from schemas.settings import Entries, Settings

PositiveInt = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Ratio = Annotated[float, Field(ge=0, le=1)]
Cosine = Annotated[float, Field(ge=-1, le=1)]
PartName = Literal[PART_NAMES]  # type: ignore[valid-type]
LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?$")]


class CaptionEdits(Settings):
    """What is changed in a caption before any rule sees it; the uid stays that of the pair as it was read.

    Attributes: unicode: a normalisation form. repair_mojibake: with ftfy. mask: what is replaced by a word in brackets.
    """

    unicode: Literal["none", "NFC", "NFKC"] = "none"
    repair_mojibake: bool = False
    mask: tuple[Literal["emails", "phone_numbers", "ip_addresses", "payment_cards"], ...] = ()

    def __bool__(self) -> bool:
        return self != CaptionEdits()


class Vocabulary(Settings):
    """The n-grams that all tokens of a caption must be among.

    Attributes: file: one n-gram a line, tokens parted by a space; what follows a tab is passed over. bigrams: whether
        each two neighbouring tokens must be listed, too.
    """

    file: Annotated[str, Field(min_length=1)]
    bigrams: bool = False


class PartsOfSpeech(Settings):
    """The parts of speech a caption needs, as a tagger finds them: "textblob" (English), or `module:function`."""

    needs: Annotated[tuple[Literal["noun", "determiner"], ...], Field(min_length=1)]
    tagger: Annotated[str, Field(pattern=r"^(textblob|[\w.]+:\w+)$")] = "textblob"


class CaptionRules(Settings):
    """Rules on the caption alone; a rule that is null is off."""

    min_characters: Count | None = None
    max_characters: Count | None = None
    min_words: Count | None = None
    max_words: Count | None = None
    min_letter_ratio: Ratio | None = None
    max_digit_ratio: Ratio | None = None
    max_punctuation_ratio: Ratio | None = None
    max_uppercase_ratio: Ratio | None = None
    max_token_repetition_ratio: Ratio | None = None
    reject_boilerplate: bool = False
    reject_filenames: bool = False
    reject_urls: bool = False
    reject_markup: bool = False
    reject_control_characters: bool = False
    reject_mojibake: bool = False
    reject_emails: bool = False
    reject_phone_numbers: bool = False
    reject_ip_addresses: bool = False
    reject_payment_cards: bool = False
    flagged_words: Entries | None = None
    vocabulary: Vocabulary | None = None
    parts_of_speech: PartsOfSpeech | None = None


class UrlRules(Settings):
    """Rules on the URL alone; a rule that is null is off."""

    schemes: tuple[str, ...] | None = ("http", "https")
    max_characters: Count | None = 2048
    blocked_hosts: Entries | None = None
    allowed_hosts: Entries | None = Field(default=None, description="null: any; hosts, and what is below them")
    blocked_suffixes: Entries | None = None
    allowed_suffixes: Entries | None = Field(default=None, description="null: any; public suffixes: com, co.uk")
    reject_non_photos: bool = Field(default=False, description="tracking pixels, icons, sprites, spacers")
    opted_out_urls: Entries | None = None
    opted_out_domains: Entries | None = None


class LanguageSettings(Settings):
    """Which languages are kept, and the fastText model that tells them apart (null: the lid.176 that ships)."""

    model: str | None = None
    keep: tuple[LanguageCode, ...] | None = None
    min_score: Ratio | None = None


class FrequencyRules(Settings):
    """Rules that need the whole input; a rule that is null is off. An image is its URL; each different one counts."""

    max_images_per_caption: PositiveInt | None = None
    max_captions_per_image: PositiveInt | None = None


class MetadataSettings(Settings):
    """The metadata entries a caption must match, as MetaCLIP does; matched ones are kept as column `matched_entries`.

    Attributes:
        entries: a JSON list or one entry a line for all languages, or a folder of such files named by language.
        spacing: "always" puts spaces around every entry (MetaCLIP); "by_script" not around those in scripts that are
            written without spaces (MetaCLIP 2).
        min_matches: how many entries a caption must match; 0 only records them.
    """

    entries: Annotated[str, Field(min_length=1)]
    spacing: Literal["always", "by_script"] = "always"
    min_matches: Count = 1


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


class DownloadSettings(Settings):
    """How images are fetched and stored. Names that img2dataset has are img2dataset's, with its meaning."""

    image_size: PositiveInt = 256
    resize_mode: Literal["no", "border", "keep_ratio", "keep_ratio_largest", "center_crop"] = "keep_ratio"
    resize_only_if_bigger: bool = True
    skip_reencode: bool = False
    encode_format: Literal["jpg", "png", "webp"] = "jpg"
    encode_quality: Count = 95
    min_image_size: Count = 0
    max_image_area: Annotated[float, Field(gt=0)] | None = None
    max_aspect_ratio: Annotated[float, Field(ge=1)] | None = None
    timeout_s: float = Field(default=10.0, gt=0)
    total_timeout_s: float = Field(default=30.0, gt=0)
    retries: Count = 2
    thread_count: PositiveInt = Field(default=64, description="URLs in flight at once in a process")
    connections_per_host: PositiveInt = 8
    max_redirects: Count = 5
    max_body_bytes: PositiveInt = 50_000_000
    max_source_pixels: PositiveInt = 100_000_000
    ports: tuple[int, ...] | None = Field(default=(80, 443, 8080, 8443), description="null: any port")
    allow_addresses: tuple[str, ...] = Field(
        default=(), description="networks (CIDR) to reach although they are private, for tests and intranets"
    )
    verify_tls: bool = True
    user_agent_token: str | None = None
    contact: str | None = Field(default=None, description="address or page named in the user agent")
    disallowed_header_directives: tuple[str, ...] = ("noai", "noimageai", "noindex", "noimageindex")
    samples_per_staging_shard: Annotated[int, Field(ge=1, le=1_000_000)] = 5_000

    @model_validator(mode="after")
    def _quality_fits(self) -> DownloadSettings:
        highest = 9 if self.encode_format == "png" else 100
        if self.encode_quality > highest:
            meaning = "is a compression level" if self.encode_format == "png" else "is"
            raise ValueError(
                f"encode_quality {meaning} from 0 to {highest} for {self.encode_format}, found {self.encode_quality}"
            )
        return self


class ImageRules(Settings):
    """Rules on the image as it was served; a rule that is null is off."""

    min_bytes: Count | None = None
    min_side_px: Count | None = None
    max_aspect_ratio: Annotated[float, Field(ge=1)] | None = None


class DedupImagesSettings(Settings):
    """Which images are the same: equal bytes, or perceptual hashes within a Hamming radius."""

    exact: bool = True
    near_radius_bits: Annotated[int, Field(ge=0, le=64)] | None = None
    min_phash_quality: Ratio = 0.1


def model_slug(model: str, pretrained: str | None = None) -> str:
    """Returns a model's default column name: its last path part in lower case, other characters as underscores."""
    last = model.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    return re.sub(r"[^a-z0-9]+", "_", last.lower()).strip("_") or "model"


class ClipModel(Settings):
    """One CLIP model: an open_clip architecture and weights, a `hf-hub:` name, or a local folder or checkpoint."""

    model: Annotated[str, Field(min_length=1)]
    pretrained: str | None = None
    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    batch_size: PositiveInt = 256
    device: str | None = Field(default=None, description="null: the first GPU where there is one, else the CPU")
    keep_embeddings: bool = True

    @model_validator(mode="before")
    @classmethod
    def _default_name(cls, values: object) -> object:
        if isinstance(values, dict) and values.get("name") is None and isinstance(values.get("model"), str):
            return {**values, "name": model_slug(values["model"])}
        return values


class SelectSettings(Settings):
    """Which scored pairs are kept. A pair must pass every rule that is on.

    `min_similarity` is one cosine, or one a language with `default` for the others. Fractions are of the pairs that
    reach this stage: of all of them, or of each language's own.
    """

    model: str | None = Field(default=None, description="name of the CLIP model decided by; null: the first")
    min_similarity: Annotated[Cosine | dict[str, Cosine] | None, Field(union_mode="left_to_right")] = None
    top_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    top_fraction_by_language: Annotated[float, Field(gt=0, le=1)] | None = None


class ShardSettings(Settings):
    """The product's shards."""

    samples_per_shard: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, dict) else value


class Recipe(Settings):
    """Every setting of a run. The order of the groups is the order in which a pair meets them."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
    description: str = ""
    requires: tuple[PartName, ...] = Field(default=(), description="parts without which the recipe does not run")
    omits: tuple[PartName, ...] = Field(default=(), description="parts of the published recipe that change no fate")
    seed: Count = 0
    caption_edits: CaptionEdits = CaptionEdits()
    captions: CaptionRules = CaptionRules()
    urls: UrlRules = UrlRules()
    language: LanguageSettings = LanguageSettings()
    frequency: FrequencyRules = FrequencyRules()
    metadata: MetadataSettings | None = None
    dedup_pairs: DedupPairsSettings = DedupPairsSettings()
    download: DownloadSettings = DownloadSettings()
    images: ImageRules = ImageRules()
    dedup_images: DedupImagesSettings = DedupImagesSettings()
    clip: Annotated[tuple[ClipModel, ...], Field(strict=False), BeforeValidator(_one_or_many)] = ()
    select: SelectSettings = SelectSettings()
    shards: ShardSettings = ShardSettings()

    @model_validator(mode="after")
    def _scores_exist(self) -> Recipe:
        names = [model.name for model in self.clip]
        if len(set(names)) < len(names):
            raise ValueError(f"clip: two models are both named {max(names, key=names.count)!r}; give each its own name")
        selects = [
            field
            for field in ("min_similarity", "top_fraction", "top_fraction_by_language")
            if getattr(self.select, field) is not None
        ]
        if selects and not names:
            raise ValueError(f"select.{selects[0]} needs a similarity, but the recipe has no clip model; add `clip:`")
        if self.select.model is not None and self.select.model not in names:
            raise ValueError(f"select.model {self.select.model!r} is not one of the clip models {names}")
        return self

    @property
    def model_names(self) -> tuple[str, ...]:
        """The names of the CLIP models, in order; the first decides unless `select.model` names another."""
        return tuple(model.name for model in self.clip)
