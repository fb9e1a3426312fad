"""BLIP's matching head: how likely it finds that a caption fits an image. A model that is loaded once a process."""

import io
from typing import Any

import pyarrow as pa


def load(model: str) -> tuple[Any, Any]:
    """Returns BLIP and what prepares its inputs; called once a process, as a column's `setup`.

    Args:
        model: a folder, or a name on the hub.
    """
    from transformers import BlipForImageTextRetrieval, BlipProcessor

    return BlipForImageTextRetrieval.from_pretrained(model).eval(), BlipProcessor.from_pretrained(model)


def matches(loaded: tuple[Any, Any], images: list[bytes], captions: pa.Array) -> list[float]:
    """Returns how likely each caption fits its image, 0 to 1.

    Args:
        loaded: what `load` returned.
        images: the files' bytes.
        captions: string[n], no nulls.
    """
    import torch
    from PIL import Image

    network, prepare = loaded
    pictures = [Image.open(io.BytesIO(image)).convert("RGB") for image in images]
    inputs = prepare(pictures, captions.to_pylist(), return_tensors="pt", padding=True, truncation=True)
    with torch.inference_mode():
        logits = network(**inputs, use_itm_head=True).itm_score
    return torch.softmax(logits, dim=1)[:, 1].tolist()


matches.version = 1
