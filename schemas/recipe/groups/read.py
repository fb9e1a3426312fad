"""What a recipe asks of reading the input."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from babelsift.schemas.recipe.groups.numbers import Ratio
from babelsift.schemas.recipe.groups.settings import Settings


class ReadSettings(Settings):
    """Which columns of the input are the pair, and how many rows may be unreadable before it is not what it is read as.

    Attributes:
        columns: the columns of the pair, as `--columns` takes them (`url=NAME,caption=A+B`, `caption=A/B`,
            `language=NAME`, `license=NAME`): see [inputs.md](inputs.md); null: by the usual names
        max_unreadable_rate: of a file's rows, or of all that a process has read, unreadable or not UTF-8: more stop the
            run, judged from 50 rows of a file on, 1 000 of all; null: none do
        page_opt_outs: leave out images of crawled pages that opt out (`page_opted_out`): see [rights](rights.md)
    """

    columns: Annotated[str, Field(min_length=1)] | None = None

    max_unreadable_rate: Ratio | None = 0.1
    page_opt_outs: bool = True
