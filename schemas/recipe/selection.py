"""Which scored pairs a recipe keeps, and in what shards."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.recipe.numbers import Cosine
from schemas.settings import Settings


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
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="of all pairs, by their uid alone, into shards of their own; null: none"
    )
    embeddings: bool = Field(default=False, description="write the models' embeddings, row by row as in the shards")
