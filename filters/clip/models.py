"""Loading CLIP models, and telling them apart: scores depend on weights, architecture, preprocessing and precision."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from babelsift.filters.clip.backends.model_parts import ModelParts
from babelsift.filters.clip.backends.model_source import is_of_transformers
from babelsift.schemas import ModelError, one_line

# Of the resize on devices: 1 came within a level of Pillow's, 2 is Pillow's.
RESIZE_VERSION = 2
# Its tokens go into the fingerprint, so that another vocabulary or cleaning is another model.
_NAMED_FACTS = {"model", "pretrained", "architecture", "preprocessing"}
_PROBE_CAPTION = "A photo of 2 Cats &amp; a dog; Ein Foto, كلب وقطة, 猫と犬, кошка, แมว"


@dataclass(frozen=True)
class LoadedModel:
    """A CLIP model ready to score.

    Attributes:
        name: for messages. module: the torch module, in evaluation mode on `device`.
        preprocess: open_clip's own validation transform: PIL image -> float32 tensor.
        tokenize: list of captions -> int64 tensor [captions, context_length].
        dimension: length of an embedding.
        precision: fp32, bf16 or fp16. compiled: whether it runs through torch.compile.
        more_devices: the other devices that it runs on, copied there when it is first scored with.
        info: model, pretrained, weights_digest, architecture, preprocessing, tokens_digest, precision,
            and `fp32_residuals`, `compiled`, `device`, `tf32` where they apply.
        fingerprint: 64 hex digits; two models with the same fingerprint give the same scores.
    """

    name: str
    module: Any
    preprocess: Callable[[Any], Any]
    tokenize: Callable[[list[str]], Any]
    context_length: int
    dimension: int
    device: Any
    precision: str
    info: Mapping[str, Any]
    fingerprint: str
    compiled: bool = False
    more_devices: tuple[Any, ...] = ()

    def replicas(self) -> list[tuple[Any, Any]]:
        """Returns (module, device) for each device."""
        copies = [(copy.deepcopy(self.module).to(device), device) for device in self.more_devices]
        return [(self.module, self.device), *copies]


def load_model(
    model: str,
    pretrained: str | None = None,
    *,
    device: str | None = None,
    precision: str = "auto",
    compiled: bool = False,
    remote_code: bool = False,
) -> LoadedModel:
    """Loads a model and tries it on a pair.

    Args:
        model, pretrained: see `resolve_source`.
        device: None takes all GPUs where there are any, else the CPU.
        precision: fp32, bf16, fp16, or auto: see `resolve_precision`.
        compiled: run it through torch.compile.
        remote_code: run the Python code that a model of transformers brings.

    Returns:
        the model in evaluation mode, with the facts that its fingerprint is made of.

    Raises:
        ModelError: anything that keeps the model from scoring, in one line with its remedy.
    """
    if is_of_transformers(model):
        from babelsift.filters.clip.backends.transformers_models import load_from_transformers

        parts, first, more = load_from_transformers(
            model, pretrained, device=device, precision=precision, remote_code=remote_code
        )
    else:
        from babelsift.filters.clip.backends.open_clip_models import load_from_open_clip

        parts, first, more = load_from_open_clip(model, pretrained, device=device, precision=precision)
    try:
        tokens = parts.tokenize([_PROBE_CAPTION])
        dimension = _probe(parts, tokens, first)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ModelError(
            f"CLIP model {parts.name} fails on a first pair: {one_line(error)}; its architecture, tokenizer and "
            f"weights do not fit together, or {first} does not do {parts.precision}"
        ) from error
    info = {
        "model": parts.facts["model"],
        "pretrained": parts.facts["pretrained"],
        "weights_digest": model_digest(parts.module),
        "architecture": parts.facts["architecture"],
        "preprocessing": parts.facts["preprocessing"],
        "tokens_digest": hashlib.sha256(tokens.numpy().tobytes()).hexdigest(),
        "precision": parts.precision,
        **{name: fact for name, fact in parts.facts.items() if name not in _NAMED_FACTS},
        **({"compiled": True} if compiled else {}),
        **device_info(first),
    }
    return LoadedModel(
        name=parts.name,
        module=parts.module,
        preprocess=parts.preprocess,
        tokenize=parts.tokenize,
        context_length=parts.context_length,
        dimension=dimension,
        device=first,
        precision=parts.precision,
        info=info,
        fingerprint=model_fingerprint(**info),
        compiled=compiled,
        more_devices=tuple(more),
    )


def device_info(device: Any) -> dict[str, Any]:
    """Returns what of a device scores depend on: nothing for a CPU, whose scores were stored before this was asked.

    Args:
        device: a torch device.
    """
    if device.type == "cpu":
        return {}
    from babelsift.filters.clip.patches import multiplies_in_tf32

    of_gpu = {"tf32": True} if device.type == "cuda" and multiplies_in_tf32() else {}
    return {"device": device.type, "resize": RESIZE_VERSION, **of_gpu}


def check_model(model: str, pretrained: str | None = None, **options: Any) -> dict[str, Any]:
    """Returns a model's fingerprint and info after loading it and scoring a pair with it; meant to run before a job.

    Args:
        model, pretrained: see `resolve_source`.
        options: see `load_model`.

    Raises:
        ModelError: see `load_model`.
    """
    loaded = load_model(model, pretrained, **options)
    return {"fingerprint": loaded.fingerprint, **loaded.info}


def model_digest(module: Any) -> str:
    """Returns the sha256 over a module's weights as loaded, whatever file they were in: names, types, shapes, values.

    Args:
        module: a torch module.
    """
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        tensor = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def model_fingerprint(
    model: str,
    pretrained: str | None,
    weights_digest: str,
    preprocessing: Mapping[str, Any],
    precision: str,
    **more: Any,
) -> str:
    """Returns the sha256 over all that a score depends on.

    Args:
        model, pretrained: the names of the architecture and of the weights.
        weights_digest: see `model_digest`.
        preprocessing: JSON values.
        precision: fp32, bf16 or fp16.
        more: anything else as JSON values; here the architecture's settings and the digest of probe tokens.
    """
    identity = {
        "model": model,
        "pretrained": pretrained,
        "weights_digest": weights_digest,
        "preprocessing": preprocessing,
        "precision": precision,
        **more,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _probe(parts: ModelParts, tokens: Any, device: Any) -> int:
    """Returns the length of the embeddings of one grey image and one caption."""
    import torch
    from PIL import Image

    from babelsift.filters.clip.residuals import input_dtype

    pixels = parts.preprocess(Image.new("RGB", (64, 48), (128, 128, 128)))[None]
    with torch.inference_mode():
        image = parts.module.encode_image(pixels.to(device=device, dtype=input_dtype(parts.module, parts.precision)))
        text = parts.module.encode_text(tokens.to(device))
    if image.shape != text.shape or image.ndim != 2:
        raise ValueError(f"image embeddings are {tuple(image.shape)}, those of captions {tuple(text.shape)}")
    if not (torch.isfinite(image).all() and torch.isfinite(text).all()):
        raise ValueError("its outputs are not numbers (NaN)")
    return image.shape[1]
