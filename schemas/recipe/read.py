"""What a recipe asks of reading the input."""

from __future__ import annotations

from pydantic import Field

from babelsift.schemas.recipe.numbers import Ratio
from babelsift.schemas.recipe.settings import Settings


class ReadSettings(Settings):
    """How many rows of the input may be unreadable before it is not what it is read as."""

    max_unreadable_rate: Ratio | None = Field(
        default=0.1,
        description="of a file's rows, or of all that a process has read; more stop the run; null: none do",
    )
