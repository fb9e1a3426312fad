"""In what shards pairs are stored, and which texts of an image."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from babelsift.schemas.recipe.groups.numbers import (
    PositiveInt,
)
from babelsift.schemas.recipe.groups.settings import Settings


class ShardTexts(Settings):
    """Which of an image's texts are chosen, where several stay: the first of them is the sample's `.txt`.

    Attributes:
        choose: the order of an image's texts: `best_similarity`, `first` in the input, `longest`, `draw` by the seed,
            `per_language`: the best of each language in turn; null: by similarity where the recipe has a model, else
            the first
        at_most: how many are chosen; null: one, of `per_language` one a language
        keep: `all`: the others stay in the sample's json; `chosen`: they are left out as `text_not_chosen`; null: all
            where `at_most` is not set, else the chosen
    """

    choose: Literal["best_similarity", "first", "longest", "draw", "per_language"] | None = None
    at_most: PositiveInt | None = None
    keep: Literal["all", "chosen"] | None = None

    @property
    def keeps_all(self) -> bool:
        """Whether texts that are not chosen stay."""
        return self.keep == "all" or (self.keep is None and self.at_most is None)

    @property
    def most(self) -> int | None:
        """How many texts of an image are chosen; None: as many as it has languages."""
        return self.at_most or (None if self.choose == "per_language" else 1)

    def order(self, has_similarity: bool) -> str:
        """Returns what texts are ordered by, of one language or all; has_similarity: whether there is a CLIP model."""
        if self.choose in (None, "per_language"):
            return "best_similarity" if has_similarity else "first"
        return str(self.choose)


class ShardSettings(Settings):
    """The product's shards.

    Attributes:
        samples_per_shard: all but the last hold exactly so many
        validation_fraction: of all pairs, by their uid alone, into shards of their own; null: none
        embeddings: write the models' embeddings, row by row as in the shards' parquet
        texts: which texts of an image stay
    """

    samples_per_shard: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    embeddings: bool = False
    texts: ShardTexts = ShardTexts()
