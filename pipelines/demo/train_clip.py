"""Trains the demo's CLIP, the small model in `clip/` that tells the demo's true captions from its wrong ones.

It has learned coloured shapes and nothing else, and is no use for real images. What it is for: a run of the demo scores
and selects pairs with a real open_clip checkpoint, of a few megabytes, without a network.
"""

from __future__ import annotations

import json
import logging
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional

from babelsift.pipelines.demo.captions import caption, languages, templates
from babelsift.pipelines.demo.clip_auc import stored_image
from babelsift.pipelines.demo.scenes import COLOURS, OUTLINES, TEXTURES, make_scene

IMAGE_SIZE = 64
CONTEXT_LENGTH = 96  # captions in Cyrillic, Hebrew and Han take up to about 100 tokens of a vocabulary made for English
CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 128,
        "vision_cfg": {"image_size": IMAGE_SIZE, "layers": [1, 1, 1, 1], "width": 12, "head_width": 32},
        "text_cfg": {"context_length": CONTEXT_LENGTH, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
    },
    "preprocess_cfg": {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.25, 0.25, 0.25],
        "interpolation": "bicubic",
        # Squashed, not cropped: a crop to a square would cut off shapes that the caption names.
        "resize_mode": "squash",
    },
    "description": "babelsift's demo model: drawn shapes only, trained by pipelines.demo.train_clip; not for real use",
}
_MARGIN = 4  # px by which training images are shifted at most
_CAPTIONS_A_STEP = 2  # an image costs more than a caption, and the captions are the harder part
_NOUNS = [(colour, kind) for colour in COLOURS for kind in OUTLINES]


@dataclass(frozen=True)
class TrainingSet:
    """Rendered scenes and their tokenised captions.

    Attributes:
        images: uint8[n, 3, IMAGE_SIZE, IMAGE_SIZE]. tokens: int64[n, captions a scene, CONTEXT_LENGTH].
        contents: float32[n, nouns + textures], 1 where the scene has it.
    """

    images: torch.Tensor
    tokens: torch.Tensor
    contents: torch.Tensor


def make_training_set(seed: int, scenes: int, captions_per_scene: int) -> TrainingSet:
    """Draws the training scenes at the model's resolution, with captions in languages and templates drawn by lot."""
    drawn = [make_scene(Random(f"clip/{seed}/{index}")) for index in range(scenes)]

    def render(index: int) -> np.ndarray:
        image = Image.fromarray(stored_image(drawn[index], Random(f"jpeg/{seed}/{index}")))
        return np.asarray(image.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)).transpose(2, 0, 1)

    with ThreadPoolExecutor(2) as pool:
        images = np.stack(list(pool.map(render, range(scenes))))
    rng = Random(f"captions/{seed}")
    codes = list(languages())
    tokenizer = open_clip.SimpleTokenizer(context_length=CONTEXT_LENGTH)
    texts = [
        caption(scene, code, rng.randrange(templates(code)), rng)
        for scene in drawn
        for code in rng.sample(codes, captions_per_scene)
    ]
    contents = [[float(noun in scene.nouns) for noun in _NOUNS] for scene in drawn]
    textures = [[float(scene.background.texture == texture) for texture in TEXTURES] for scene in drawn]
    return TrainingSet(
        images=torch.from_numpy(images),
        tokens=tokenizer(texts).view(scenes, captions_per_scene, CONTEXT_LENGTH),
        contents=torch.cat([torch.tensor(contents), torch.tensor(textures)], dim=1),
    )


def augment(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Returns uint8 images as the model takes them, each mirrored by lot, shifted, and lit a little differently."""
    count = len(images)
    mirrored = torch.rand(count, generator=generator) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(3), images).float()
    padded = functional.pad(images, (_MARGIN,) * 4, mode="replicate")
    offsets = torch.randint(2 * _MARGIN + 1, (count, 2), generator=generator).tolist()
    shifted = torch.stack(
        [padded[index, :, y : y + IMAGE_SIZE, x : x + IMAGE_SIZE] for index, (y, x) in enumerate(offsets)]
    )
    gain = 1 + 0.08 * torch.randn(count, 1, 1, 1, generator=generator)
    shift = 6 * torch.randn(count, 1, 1, 1, generator=generator)
    return ((shifted * gain + shift).clamp(0, 255) / 255 - 0.5) / 0.25


def train(data: TrainingSet, *, steps: int, batch_size: int, learning_rate: float, seed: int) -> open_clip.CLIP:
    """Returns a CLIP trained with open_clip's contrastive loss, helped by a loss on what the scenes hold.

    The helping loss has both towers name the scene's contents through one linear layer, dropped afterwards. Only
    embeddings of tokens that occur are trained; the others are zero.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = open_clip.CLIP(**CONFIG["model_cfg"])
    used, tokens = torch.unique(data.tokens, return_inverse=True)  # sorted: the end of text stays the largest
    embedding = model.token_embedding
    model.token_embedding = torch.nn.Embedding.from_pretrained(embedding.weight.data[used].clone(), freeze=False)
    naming = torch.nn.Linear(CONFIG["model_cfg"]["embed_dim"], data.contents.shape[1])
    weights = [*model.parameters(), *naming.parameters()]
    optimizer = _optimizer(weights)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )
    started = time.monotonic()
    for step in range(steps):
        rows = torch.randperm(len(data.images), generator=generator)[:batch_size]
        which = torch.rand(batch_size, tokens.shape[1], generator=generator).argsort(dim=1)[:, :_CAPTIONS_A_STEP]
        image_features = model.encode_image(augment(data.images[rows], generator))
        text_features = encode_by_length(model, tokens[rows[:, None], which].flatten(0, 1), end=len(used) - 1)
        contrastive, named = losses(model, naming, image_features, text_features, data.contents[rows])
        loss = contrastive + 20 * named
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(50))
        if step % 50 == 49 or step == 0:
            spent_s = time.monotonic() - started
            at = f"{step + 1:5d}/{steps}"
            logging.info("step %s  contrastive %.3f  naming %.4f  %.0f s", at, contrastive, named, spent_s)
    embedding.weight.data.zero_()  # tokens that never occurred compress to nothing
    embedding.weight.data[used] = model.token_embedding.weight.data
    model.token_embedding = embedding
    return model.eval()


def _optimizer(weights: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Returns AdamW that decays matrices only, as CLIP is trained."""
    groups = [
        {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": 0.05},
        {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98))


def losses(
    model: open_clip.CLIP,
    naming: torch.nn.Linear,
    image_features: torch.Tensor,
    text_features: torch.Tensor,
    contents: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns (contrastive loss, naming loss) for n images and their captions, _CAPTIONS_A_STEP in a row for each."""
    contrast = open_clip.ClipLoss()
    images = functional.normalize(image_features, dim=-1)
    texts = functional.normalize(text_features, dim=-1).view(len(images), _CAPTIONS_A_STEP, -1)
    scale = model.logit_scale.exp()
    contrastive = torch.stack([contrast(images, text, scale) for text in texts.unbind(1)]).mean()
    # A template without a background cannot name its texture, so that captions answer for the nouns alone.
    in_text = naming(text_features)[:, : len(_NOUNS)]
    nouns = contents[:, : len(_NOUNS)].repeat_interleave(_CAPTIONS_A_STEP, dim=0)
    named = functional.binary_cross_entropy_with_logits(naming(image_features), contents)
    return contrastive, named + functional.binary_cross_entropy_with_logits(in_text, nouns)


def encode_by_length(model: open_clip.CLIP, tokens: torch.Tensor, *, end: int) -> torch.Tensor:
    """Returns what `model.encode_text` would, for int64[n, length] tokens, without its work on the padding.

    Captions of like length go together and are cut to it: attention is causal, so nothing depends on what comes after.
    """
    lengths = (tokens == end).int().argmax(dim=1) + 1
    order = lengths.argsort()
    features = []
    for rows in order.chunk(6):
        longest = int(lengths[rows].max())
        hidden = model.token_embedding(tokens[rows][:, :longest]) + model.positional_embedding[:longest]
        hidden = model.transformer(hidden, attn_mask=model.attn_mask[:longest, :longest])
        at_end = model.ln_final(hidden[torch.arange(len(rows)), lengths[rows] - 1])
        features.append(at_end @ model.text_projection)
    return torch.cat(features)[order.argsort()]


def save(model: open_clip.CLIP, folder: Path) -> None:
    """Writes the model as an open_clip local folder, weights in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in model.state_dict().items()
    }
    save_file(state, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps(CONFIG, indent=2) + "\n", encoding="utf-8")
