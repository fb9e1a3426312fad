"""Parts of published recipes that a preset needs and cannot bring: not built yet, or files that only the user has."""

from __future__ import annotations

from collections.abc import Sequence

_NOT_BUILT = "not built into babelsift yet"


def _own(what: str, setting: str) -> str:
    return f"{what}; `babelsift recipes show NAME > mine.yaml`, set {setting}, take the part out of `requires`"


# Part: why it is missing and what to do about it.
PARTS: dict[str, str] = {
    "nsfw scores": _own("punsafe is of LAION's head on ViT-L/14: its layers in a safetensors file", "heads"),
    "watermark scores": _own("of a classifier that LAION trained: yours, as layers on embeddings", "heads"),
    "outputs by language": "a dataset each for English, other languages and none; " + _NOT_BUILT,
    "image formats": "keeping JPEG alone; " + _NOT_BUILT,
    "person name replacement": _NOT_BUILT,
    "image clusters": _own("DataComp's centroids and ImageNet embeddings, which it publishes", "heads"),
    "evaluation decontamination": _own("the sets' images, or `babelsift hash` of them", "decontaminate.against"),
    "n-gram vocabulary": _own("a file of your data's most frequent n-grams", "captions.vocabulary.file"),
    "metadata entries": _own("MetaCLIP's lists, which it publishes", "metadata.entries"),
    "filtering network": _own("DFN-2B's is unpublished: a CLIP checkpoint of your own", "clip.pretrained"),
}
PART_NAMES: tuple[str, ...] = tuple(PARTS)


def describe_missing(parts: Sequence[str]) -> str:
    """Returns one line that names parts of PARTS and says what to do about each."""
    return "; ".join(f"{part}: {PARTS[part]}" for part in parts)
