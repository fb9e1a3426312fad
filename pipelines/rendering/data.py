"""The data that a report is rendered from. Nothing here reads a file or the clock: equal data give equal pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from babelsift.filters.counting import ColumnCounts, DomainCounts
from babelsift.schemas import Funnel, Recipe


@dataclass
class Sample:
    """One pair to look at, kept or rejected.

    Attributes:
        stage: the stage that kept or rejected it. reason: why it was rejected; None where it was kept.
        uid, url, caption: None where the ledger has none (a row that could not be read).
        value, threshold: what was found and what was asked for, as the ledger has them.
        similarity: cosine of the model that decides. image: encoded, about 256 px, or None where there is no image.
        image_extension: jpg, png or webp; an image of any other type is not shown.
        is_near: whether it was drawn as one of those nearest to a bound. beside: (stage, reason) of the bound, which a
            kept one passed.
        caption_before: as it was read, where edits changed it; edits: their names.
        survivor: the pair in whose place it was left out. how_near: it is to that one.
        is_veiled: whether the image is hidden until it is asked for.
    """

    stage: str
    reason: str | None = None
    uid: str | None = None
    url: str | None = None
    caption: str | None = None
    language: str | None = None
    value: str | None = None
    threshold: str | None = None
    similarity: float | None = None
    image: bytes | None = None
    image_extension: str | None = None
    is_near: bool = False
    beside: tuple[str, str] | None = None
    caption_before: str | None = None
    edits: str | None = None
    survivor: Sample | None = None
    how_near: str | None = None
    is_veiled: bool = False

    @property
    def is_random(self) -> bool:
        """Whether it was drawn at random, not for a bound nor for an edit."""
        return not self.is_near and self.caption_before is None


@dataclass
class ImageCluster:
    """Images that were taken for one.

    Attributes:
        kind: as in duplicates.parquet. survivor, others: with their images; `value` says how near each is. size: how
            many others there are. note: what else to say of it.
    """

    kind: str
    survivor: Sample
    others: list[Sample]
    size: int
    note: str = ""


@dataclass
class ReportData:
    """A run, as its report shows it.

    Attributes:
        facts: name -> text, in the order to show them.
        score_histograms: similarity column -> language -> bin -> rows, of the pairs that reached the select stage.
        bin_width: cosine; bin b covers [-1 + b * bin_width, -1 + (b + 1) * bin_width).
        columns: column that a recipe names or has a condition on -> how its values are spread.
        samples: up to some hundreds, in the order to show them.
        clusters: a few of each kind.
        made_columns: what the recipe's columns give, which is in the shards beside the rest.
        images: how many samples the kept pairs make; None: one a pair.
        measures: name of a measure -> `language`, `value`, `rows` of the pairs that reached its rules.
        hosts: what became of URLs by host; None where none was asked for.
        edits: edit -> captions that it changed.
        timings: the account in time, as funnel.json has it.
        uid_digits: how many first digits of a uid tell it from all others of the run.
    """

    recipe: Recipe
    funnel: Funnel
    facts: dict[str, str] = field(default_factory=dict)
    score_histograms: dict[str, dict[str, dict[int, int]]] = field(default_factory=dict)
    bin_width: float = 2e-4
    columns: Mapping[str, ColumnCounts] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    clusters: list[ImageCluster] = field(default_factory=list)
    made_columns: pa.Schema = field(default_factory=lambda: pa.schema([]))
    images: int | None = None
    measures: Mapping[str, pa.Table] = field(default_factory=dict)
    hosts: DomainCounts | None = None
    edits: Mapping[str, int] = field(default_factory=dict)
    timings: Mapping[str, Any] = field(default_factory=dict)
    uid_digits: int = 8

    def __post_init__(self) -> None:
        if not self.bin_width > 0:
            raise ValueError(f"bin_width is a cosine above 0, found {self.bin_width!r}")

    @property
    def kept_images(self) -> int:
        """How many images the kept pairs are of: the samples of the shards."""
        return self.funnel.kept_rows if self.images is None else self.images
