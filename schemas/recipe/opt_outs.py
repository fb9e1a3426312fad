"""Which opt-outs a recipe hears."""

from __future__ import annotations

from pydantic import Field

from babelsift.schemas.recipe.settings import Settings


class OptOutSettings(Settings):
    """In which forms a site or an image file may say that it is not for training; each is heard unless switched off."""

    x_robots_tag: bool = Field(
        default=True, description="X-Robots-Tag: `noml`, and what `disallowed_header_directives` has"
    )
    tdm_reservation: bool = Field(default=True, description="TDMRep's `tdm-reservation` header")
    content_usage: bool = Field(default=True, description="AIPREF's Content-Usage header")
    content_signal: bool = Field(default=True, description="Cloudflare's Content-Signal header")
    data_mining: bool = Field(default=True, description="PLUS' Data Mining property in the image's own metadata")
