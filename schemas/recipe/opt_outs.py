"""Which opt-outs a recipe hears."""

from __future__ import annotations

from pydantic import Field

from babelsift.schemas.recipe.settings import Settings

# Robots whose one purpose is to gather for training, by the names that robots.txt has for them (December 2025).
TRAINING_CRAWLERS = (
    "GPTBot",
    "ClaudeBot",
    "anthropic-ai",
    "CCBot",
    "Google-Extended",
    "Applebot-Extended",
    "meta-externalagent",
    "Bytespider",
    "cohere-training-data-crawler",
    "AI2Bot",
    "img2dataset",
)


class OptOutSettings(Settings):
    """In which forms a site or an image file may say that it is not for training.

    Each is heard unless it is switched off, but those that cost each host a request of its own.
    """

    x_robots_tag: bool = Field(
        default=True, description="X-Robots-Tag: `noml`, and what `disallowed_header_directives` has"
    )
    tdm_reservation: bool = Field(default=True, description="TDMRep's `tdm-reservation` header")
    content_usage: bool = Field(default=True, description="AIPREF's Content-Usage header, and lines in robots.txt")
    content_signal: bool = Field(
        default=True, description="Cloudflare's Content-Signal header, and lines in robots.txt"
    )
    training_crawlers: tuple[str, ...] = Field(
        default=TRAINING_CRAWLERS, description="what a robots.txt that is asked for tells these crawlers by name"
    )
    tdmrep_json: bool = Field(default=False, description="TDMRep's /.well-known/tdmrep.json, a request a host")
    ai_txt: bool = Field(default=False, description="Spawning's ai.txt, a request a host")
    data_mining: bool = Field(default=True, description="PLUS' Data Mining property in the image's own metadata")
    c2pa_training: bool = Field(default=True, description="the training assertion of a C2PA manifest in the image file")
