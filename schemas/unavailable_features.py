"""Features of published recipes that a preset lacks: not built yet, or in need of files that only the user has."""

from __future__ import annotations

from collections.abc import Sequence

_NOT_BUILT = "not built into babelsift yet"


def _needs_files(files: str, setting: str) -> str:
    return f"{files}; `babelsift recipes show NAME > mine.yaml`, set {setting}, take the part out of `requires`"


# Feature: why it is unavailable and how a user can supply it.
UNAVAILABLE_FEATURES: dict[str, str] = {
    "nsfw scores": _needs_files("punsafe is of LAION's head on ViT-L/14: its layers in a safetensors file", "heads"),
    "watermark scores": _needs_files("of a classifier that LAION trained: yours, as layers on embeddings", "heads"),
    "outputs by language": "a dataset each for English, other languages and none; " + _NOT_BUILT,
    "image formats": "keeping JPEG alone; " + _NOT_BUILT,
    "person name replacement": _NOT_BUILT,
    "image clusters": _needs_files("DataComp's centroids and ImageNet embeddings, which it publishes", "heads"),
    "evaluation decontamination": _needs_files(
        "the sets' images, or `babelsift hash` of them", "decontaminate.against"
    ),
    "n-gram vocabulary": _needs_files("a file of your data's most frequent n-grams", "captions.vocabulary.file"),
    "metadata entries": _needs_files("MetaCLIP's lists, which it publishes", "metadata.entries"),
    "filtering network": _needs_files("DFN-2B's is unpublished: a CLIP checkpoint of your own", "clip.pretrained"),
    "matching model": (
        "BLIP's matching head, which a function calls: `pip install ./examples/own_filters` in a clone of babelsift; "
        "`babelsift recipes show NAME > mine.yaml`, take the part out of `requires`"
    ),
    "toxicity classifier": _needs_files("ChineseWebText 2.0's is unpublished: a fastText file", "columns.model"),
}


def describe_unavailable(features: Sequence[str]) -> str:
    """Returns one line that names unavailable features and how to supply each.

    Args:
        features: keys of UNAVAILABLE_FEATURES.

    >>> describe_unavailable(["person name replacement"])
    'person name replacement: not built into babelsift yet'
    """
    return "; ".join(f"{feature}: {UNAVAILABLE_FEATURES[feature]}" for feature in features)
