"""What workers need to know of the input: its slices, and the columns that a pair is read from."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

URL_COLUMNS = ("URL", "url", "image_url", "img_url", "Image URL")


CAPTION_COLUMNS = ("TEXT", "text", "caption", "CAPTION", "alt", "alt_text", "Caption")


@dataclass(frozen=True)
class InputSlice:
    """A part of an input file that one worker reads: some row groups of a parquet file, or the whole of a text file.

    Attributes:
        row_groups: parquet only. first_row: row number, in the file, of the slice's first row. rows: parquet only.
    """

    path: str
    format: str
    compression: str | None = None
    row_groups: tuple[int, ...] = ()
    first_row: int = 0
    rows: int | None = None


@dataclass(frozen=True)
class InputPlan:
    """Everything that workers need to know of the input.

    Attributes:
        carried: the input's other columns under the names they are carried by, the same for every file.
        sources: carried name -> name in the input. estimated_rows: exact for parquet, a guess for text.
    """

    slices: tuple[InputSlice, ...]
    url_column: str
    caption_column: str
    carried: pa.Schema
    sources: dict[str, str] = field(default_factory=dict)
    estimated_rows: int = 0
