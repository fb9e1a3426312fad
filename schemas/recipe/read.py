"""What a recipe asks of reading the input."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from babelsift.schemas.recipe.numbers import Ratio
from babelsift.schemas.recipe.settings import Settings


class ReadSettings(Settings):
    """Which columns of the input are the pair, and how many rows may be unreadable before it is not what it is read as.

    Attributes:
        columns: as `--columns` takes them, which comes before it: `url=NAME|N,caption=A+B` (a pair of each text),
            `caption=A/B` (the first that is not empty), `language=NAME`, `license=NAME`; null: by the usual names.
        max_unreadable_rate: of a file's rows, or of all that a process has read; more stop the run; null: none do.
        page_opt_outs: leave out the images of crawled pages that opt out; if not, `page_opted_out` is no reason.
    """

    columns: Annotated[str, Field(min_length=1)] | None = None

    max_unreadable_rate: Ratio | None = 0.1
    page_opt_outs: bool = True
