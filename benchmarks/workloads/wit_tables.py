"""Tables of the shape of WIT's: a row an image, page and language, of drawn scenes that say what is in them."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path
from random import Random

from babelsift.pipelines.demo.captions import caption, languages, templates
from babelsift.pipelines.demo.scenes import make_scene

# DATA.md of google-research-datasets/wit, in this order.
COLUMNS = [
    "language",
    "page_url",
    "image_url",
    "page_title",
    "section_title",
    "hierarchical_section_title",
    "caption_reference_description",
    "caption_attribution_description",
    "caption_alt_text_description",
    "mime_type",
    "original_height",
    "original_width",
    "is_main_image",
    "attribution_passes_lang_id",
    "page_changed_recently",
    "context_page_description",
    "context_section_description",
]
_KINDS = ("caption_reference_description", "caption_attribution_description", "caption_alt_text_description")


def write_wit(path: Path, base_url: str, texts: Sequence[int]) -> None:
    """Writes a table; image n is the scene of seed n, at `BASE/000n.jpg`, in as many languages as it has texts.

    Args:
        path: a .tsv.gz file.
        base_url: of the web.
        texts: of each image.

    Raises:
        ValueError: an image has more texts than there are languages.
    """
    codes = sorted(languages())
    if max(texts) > len(codes):
        raise ValueError(f"an image has {max(texts)} texts, and there are {len(codes)} languages")
    with gzip.open(path, "wt", encoding="utf-8", newline="", compresslevel=1) as file:
        table = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n", restval="")
        table.writeheader()
        for number, count in enumerate(texts):
            draw, scene = Random(f"wit {number}"), make_scene(Random(number))
            for code in draw.sample(codes, count):
                said = caption(scene, code, draw.randrange(templates(code)), draw)
                row = {"language": code, "page_url": f"https://{code}.wikipedia.org/wiki/{number}"}
                row |= {"image_url": f"{base_url}/{number:04d}.jpg", "page_title": f"Scene {number}"}
                row |= {draw.choice(_KINDS): f"{said} ({number})", "mime_type": "image/jpeg", "is_main_image": "true"}
                table.writerow(row | {"context_page_description": f"{said} " * 8})
