"""How well a CLIP tells the demo's true captions from captions of other scenes, on scenes it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import cv2
import numpy as np
import open_clip
import torch
from PIL import Image

from babelsift.pipelines.demo.captions import caption, languages, templates
from babelsift.pipelines.demo.scenes import Scene, draw, make_scene


@dataclass(frozen=True)
class HeldOutScores:
    """Cosines, one a pair.

    Attributes:
        matched: float[n], of an image and a caption of it. mismatched: float[n], of the same caption and the image of
            another pair, drawn by lot. unlike: bool[n], whether that image shares no word with the caption.
        languages: the captions' languages, n of them.
    """

    matched: np.ndarray
    mismatched: np.ndarray
    unlike: np.ndarray
    languages: np.ndarray


def stored_image(scene: Scene, rng: Random) -> np.ndarray:
    """Returns a scene as the pipeline stores it, uint8 RGB: drawn, JPEG, shorter side to 256 px, JPEG again."""
    served = _through_jpeg(draw(scene), rng.randint(40, 95))
    scale = 256 / min(served.shape[:2])
    size = (round(served.shape[1] * scale), round(served.shape[0] * scale))
    return _through_jpeg(cv2.resize(served, size, interpolation=cv2.INTER_AREA), 95)


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    ok, encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise ValueError(f"OpenCV could not encode an image of shape {image.shape}")
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    if decoded is None:
        raise ValueError(f"OpenCV could not decode the image of shape {image.shape} that it encoded")
    return np.ascontiguousarray(decoded[..., ::-1])


def held_out_pairs(folder: Path, *, seed: int, pairs: int) -> HeldOutScores:
    """Scores `pairs` new pairs with the open_clip model in a folder, languages in turn."""
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    model.eval()
    codes = list(languages())
    rng = Random(f"held out/{seed}")
    scenes = [make_scene(rng) for _ in range(pairs)]
    spoken = [codes[index % len(codes)] for index in range(pairs)]
    texts = [
        caption(scene, code, rng.randrange(templates(code)), rng) for scene, code in zip(scenes, spoken, strict=True)
    ]
    image_features, text_features = [], []
    with torch.inference_mode():
        for start in range(0, pairs, 128):
            chunk = slice(start, start + 128)
            images = [preprocess(Image.fromarray(stored_image(scene, rng))) for scene in scenes[chunk]]
            image_features.append(model.encode_image(torch.stack(images), normalize=True))
            text_features.append(model.encode_text(tokenizer(texts[chunk]), normalize=True))
    image, text = torch.cat(image_features).numpy(), torch.cat(text_features).numpy()
    others = [(index + rng.randrange(1, pairs)) % pairs for index in range(pairs)]
    return HeldOutScores(
        matched=(image * text).sum(axis=1),
        mismatched=(image[others] * text).sum(axis=1),
        unlike=np.array([scenes[index].is_unlike(scenes[other]) for index, other in enumerate(others)]),
        languages=np.array(spoken),
    )


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Returns the share of (positive, negative) pairs in which the positive is larger; a tie counts half."""
    ordered = np.sort(negative)
    below, up_to = np.searchsorted(ordered, positive, "left"), np.searchsorted(ordered, positive, "right")
    return float((below + up_to).mean() / 2 / len(negative))


def format_auc(scores: HeldOutScores) -> str:
    """Returns as text the AUC of all languages and of each, and where the similarities lie."""
    lines = [f"AUC, {len(scores.matched)} held-out pairs: {auc(scores.matched, scores.mismatched):.4f}"]
    for code in dict.fromkeys(scores.languages.tolist()):
        of_code = scores.languages == code
        lines.append(f"  {code}  {auc(scores.matched[of_code], scores.mismatched[of_code]):.4f}")
    lines.append("similarity at percentile   1      2      5     25     50     75     95     98     99")
    kinds = {
        "matched": scores.matched,
        "mismatched": scores.mismatched,
        "  nothing shared": scores.mismatched[scores.unlike],
    }
    for name, values in kinds.items():
        marks = np.percentile(values, [1, 2, 5, 25, 50, 75, 95, 98, 99])
        lines.append(f"  {name:20s}" + "".join(f"{mark:7.3f}" for mark in marks))
    return "\n".join(lines)
