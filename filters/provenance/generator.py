"""Which generator of images has left its name or its settings in an image's metadata.

Sources: what these programs write, as of 2025: AUTOMATIC1111's and its kin's `parameters`, ComfyUI's `prompt` and
`workflow`, InvokeAI's and Fooocus' chunks, NovelAI's and Midjourney's texts, names in EXIF's, XMP's and C2PA's fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from babelsift.filters.provenance.c2pa_strings import c2pa_strings
from babelsift.filters.strings.xmp_text import xmp_texts

if TYPE_CHECKING:
    from babelsift.filters.provenance.metadata import ImageMetadata

# In fields that name the program.
_NAMES = {
    "Adobe Firefly": r"adobe[\s_]*firefly",
    "OpenAI": r"open\s?ai\b|chatgpt|\bdall[\s·.-]?e\b|\bgpt-(?:4o|image)",
    "Midjourney": r"midjourney",
    "Microsoft": r"bing image creator|microsoft_responsible_ai|image creator (?:from|in) (?:microsoft|bing|designer)",
    "Google": r"made with google ai|google (?:gemini|imagen)",
    "Black Forest Labs": r"black forest labs|\bflux\.[12]",
    "NovelAI": r"novelai",
    "ComfyUI": r"comfyui",
    "InvokeAI": r"invoke\s?ai",
    "Fooocus": r"fooocus",
    "Ideogram": r"ideogram(?:\.ai| ai)",
    "Leonardo.Ai": r"leonardo[\s.]?ai\b",
    "Stable Diffusion": r"stable[\s-]?diffusion|stability[\s.]?ai|dreamstudio|draw things",
}
_NAME = re.compile("|".join(f"({pattern})" for pattern in _NAMES.values()), re.IGNORECASE)
# In any text: settings that only such a program writes; the bytes that are looked for first, and all of them.
_SETTINGS = (
    ("Stable Diffusion", b"Steps: ", re.compile(rb"\bSteps: \d+, (?:Sampler|Schedule type|CFG scale|Seed)\b")),
    ("ComfyUI", b'"class_type"', re.compile(rb'"class_type"\s*:\s*"')),
    ("ComfyUI", b'"last_node_id"', re.compile(rb'"last_node_id"\s*:\s*"?[0-9a-f]')),
    ("Midjourney", b"Job ID: ", re.compile(rb"Job ID: [0-9a-f]{8}-[0-9a-f]{4}-")),
    ("Google", b"Made with Google AI", re.compile(rb"Made with Google AI")),
)
# Chunks of text in a PNG that one program alone writes.
_KEYWORDS = {
    "invokeai_metadata": "InvokeAI",
    "sd-metadata": "InvokeAI",
    "Dream": "InvokeAI",
    "fooocus_scheme": "Fooocus",
}
_XMP_FIELDS = (b"CreatorTool", b"Credit")
_XMP_VALUE = re.compile(r"(?:CreatorTool|Credit)\s*(?:=\s*[\"']|>)([^\"'<>]{1,200})")
_C2PA_KEYS = (b"claim_generator", b"claim_generator_info", b"softwareAgent")


def image_generator(metadata: ImageMetadata, software: Iterable[str] = ()) -> str | None:
    """Returns the generator that an image's metadata names, or None.

    Args:
        metadata: the blocks as served, of any bytes.
        software: what EXIF names as software and make.
    """
    names = "\n".join([*software, *_named(metadata)])
    if matched := _NAME.search(names):
        return list(_NAMES)[(matched.lastindex or 1) - 1]
    for keyword, text in metadata.texts:
        if program := _KEYWORDS.get(keyword) or _by_settings(text):
            return program
    programs = (_by_settings(block) for block in (metadata.exif, *metadata.xmp, metadata.iptc))
    return next((program for program in programs if program is not None), None)


def _named(metadata: ImageMetadata) -> Iterator[str]:
    for keyword, text in metadata.texts:
        if keyword == "Software":
            yield text.decode("utf-8", errors="replace")
    for field in _XMP_FIELDS:
        for packet in xmp_texts(metadata.xmp, naming=field):
            yield from _XMP_VALUE.findall(packet)
    if metadata.c2pa:
        for key in _C2PA_KEYS:
            yield from c2pa_strings(metadata.c2pa, key)


def _by_settings(block: bytes) -> str | None:
    plain = block.replace(b"\0", b"") if b"\0" in block else block  # UTF-16, of which we read ASCII
    programs = (name for name, first, whole in _SETTINGS if first in plain and whole.search(plain))
    return next(programs, None)
