"""Which opt-outs a recipe hears."""

from __future__ import annotations

from babelsift.schemas.recipe.groups.settings import Settings

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

    Attributes:
        x_robots_tag: X-Robots-Tag: `noml`, and what `disallowed_header_directives` has
        tdm_reservation: TDMRep's `tdm-reservation` header
        content_usage: AIPREF's `Content-Usage` header, and its lines in a robots.txt that is asked for
        content_signal: Cloudflare's `Content-Signal` header, and its lines in a robots.txt that is asked for
        training_crawlers: what a robots.txt that is asked for tells these crawlers by name holds for us, unless it
            names us; `[]`: none
        tdmrep_json: TDMRep's `/.well-known/tdmrep.json`; a request a host
        ai_txt: Spawning's `/ai.txt`; a request a host
        data_mining: PLUS' Data Mining property in the image file's own metadata
        c2pa_training: the training assertion of a C2PA manifest in the image file
    """

    x_robots_tag: bool = True
    tdm_reservation: bool = True
    content_usage: bool = True
    content_signal: bool = True
    training_crawlers: tuple[str, ...] = TRAINING_CRAWLERS
    tdmrep_json: bool = False
    ai_txt: bool = False
    data_mining: bool = True
    c2pa_training: bool = True
