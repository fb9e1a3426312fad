"""What a recipe has the download do about faces."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from babelsift.schemas.recipe.groups.numbers import Count, Ratio
from babelsift.schemas.recipe.groups.settings import Settings

Deed = Literal["blur", "count", "drop"]


class FaceSettings(Settings):
    """Which faces are found in images before these are stored, and what becomes of them.

    Attributes:
        do: `blur` them; `count` them alone; `drop` images that have any, as `has_faces` in the ledger
        min_score: how sure the detector has to be of a face, 0 to 1
        min_side_px: the longer side of a face in the image as stored; smaller ones are passed over
    """

    do: Deed
    min_score: Ratio = 0.4
    min_side_px: Count = 0


def _written_short(value: Any) -> Any:
    return {"do": value} if isinstance(value, str) else value


FacesAtDownload = Annotated[
    FaceSettings | None, BeforeValidator(_written_short, json_schema_input_type=FaceSettings | Deed | None)
]
