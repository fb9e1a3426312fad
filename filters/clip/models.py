"""Loading CLIP models, and telling them apart: scores depend on weights, architecture, preprocessing and precision."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from babelsift.filters.clip.devices import devices_for, resolve_precision
from babelsift.filters.clip.model_source import ModelSource, import_open_clip, resolve_source
from babelsift.schemas import ModelError, one_line

_LOG = logging.getLogger(__name__)
# Of the resize on devices: 1 came within a level of Pillow's, 2 is Pillow's.
RESIZE_VERSION = 2
# Its tokens go into the fingerprint, so that another vocabulary or cleaning is another model.
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
) -> LoadedModel:
    """Loads a model and tries it on a pair.

    Args:
        model, pretrained: see `resolve_source`.
        device: None takes all GPUs where there are any, else the CPU.
        precision: fp32, bf16, fp16, or auto: see `resolve_precision`.
        compiled: run it through torch.compile.

    Returns:
        the model in evaluation mode, with the facts that its fingerprint is made of.

    Raises:
        ModelError: anything that keeps the model from scoring, in one line with its remedy.
    """
    source = resolve_source(model, pretrained)
    open_clip = import_open_clip()
    from babelsift.filters.clip.patches import without_tf32  # needs torch, as open_clip does
    from babelsift.filters.clip.residuals import widen_residuals

    first, *more = devices_for(device)
    with _libraries_silenced():
        _fetch_weights(open_clip, source)
        try:
            architecture = open_clip.get_model_config(source.name)
            precision = resolve_precision(precision, first, architecture, more_devices=more)
            module, preprocess = open_clip.create_model_from_pretrained(
                source.name,
                source.pretrained,
                precision=precision,
                device=first,
                force_quick_gelu=source.quick_gelu,
            )
        except Exception as error:
            raise ModelError(f"cannot load CLIP model {source}: {one_line(error)}; {_REMEDIES[source.kind]}") from error
        tokenizer = _load_tokenizer(open_clip, source, architecture)
    # Its weights go on requiring gradients, though none are computed: torch multiplies a batch with others by copying
    # them once a token, which takes text towers in bf16 three times as long.
    module = module.eval()
    widened = widen_residuals(module) if precision != "fp32" else []
    if first.type == "cuda":
        module = without_tf32(module)
    context_length = tokenizer.context_length
    try:
        tokens = tokenizer([_PROBE_CAPTION])
        dimension = _probe(module, preprocess, tokens, first, precision)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ModelError(
            f"CLIP model {source} fails on a first pair: {one_line(error)}; its architecture, tokenizer and weights "
            f"do not fit together, or {first} does not do {precision}"
        ) from error
    info = {
        "model": source.identity[0],
        "pretrained": source.identity[1],
        "weights_digest": model_digest(module),
        "architecture": _without_paths(architecture)
        | {"quick_gelu": source.quick_gelu or architecture.get("quick_gelu", False)},
        "preprocessing": open_clip.get_model_preprocess_cfg(module),
        "tokens_digest": hashlib.sha256(tokens.numpy().tobytes()).hexdigest(),
        "precision": precision,
        **({"fp32_residuals": widened} if widened else {}),
        **({"compiled": True} if compiled else {}),
        **device_info(first),
    }
    return LoadedModel(
        name=str(source),
        module=module,
        preprocess=preprocess,
        tokenize=tokenizer,
        context_length=context_length,
        dimension=dimension,
        device=first,
        precision=precision,
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


def _without_paths(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an architecture's settings without the folder of a text tower on this machine, which may be moved."""
    text = {
        name: "local" if name.startswith("hf_") and isinstance(value, str) and os.path.isdir(value) else value
        for name, value in architecture.get("text_cfg", {}).items()
    }
    return {**architecture, "text_cfg": text}


_REMEDIES = {
    "tag": "remove the damaged file from the cache and try again",
    "file": "check that the checkpoint is whole and of that architecture",
    "hub": "check the name and the network, or give a local folder with its files",
    "folder": "check that the folder was copied whole",
}


def _fetch_weights(open_clip: Any, source: ModelSource) -> None:
    """Downloads a tag's weights to open_clip's cache where they are missing; a step apart, for its own errors."""
    if source.kind != "tag":
        return
    _LOG.info("looking for the weights of %s; where they are not in the cache they are downloaded", source)
    try:
        open_clip.download_pretrained(open_clip.get_pretrained_cfg(source.name, source.pretrained))
    except Exception as error:
        raise ModelError(
            f"cannot download the weights of {source}: {one_line(error)}; connect to the network once, "
            "or give a checkpoint file as pretrained"
        ) from error


def _load_tokenizer(open_clip: Any, source: ModelSource, architecture: Mapping[str, Any]) -> Any:
    from babelsift.filters.clip.tokenizer import fast_tokenizer  # needs torch, as open_clip does

    try:
        return fast_tokenizer(open_clip.get_tokenizer(source.name))
    except Exception as error:
        name = architecture.get("text_cfg", {}).get("hf_tokenizer_name", "open_clip's own")
        raise ModelError(
            f"cannot load the tokenizer of CLIP model {source}, {name}: {one_line(error, 200)}; "
            "pip install 'babelsift[multilingual]' and connect to the network once, or name a folder with its "
            "files as hf_tokenizer_name in the model's text_cfg"
        ) from error


def _probe(module: Any, preprocess: Any, tokens: Any, device: Any, precision: str) -> int:
    """Returns the length of the embeddings of one grey image and one caption."""
    import torch
    from PIL import Image

    from babelsift.filters.clip.residuals import input_dtype

    pixels = preprocess(Image.new("RGB", (64, 48), (128, 128, 128)))[None]
    with torch.inference_mode():
        image = module.encode_image(pixels.to(device=device, dtype=input_dtype(module, precision)))
        text = module.encode_text(tokens.to(device))
    if image.shape != text.shape or image.ndim != 2:
        raise ValueError(f"image embeddings are {tuple(image.shape)}, those of captions {tuple(text.shape)}")
    if not (torch.isfinite(image).all() and torch.isfinite(text).all()):
        raise ValueError("its outputs are not numbers (NaN)")
    return image.shape[1]


@contextlib.contextmanager
def _libraries_silenced() -> Iterator[None]:
    """Keeps open_clip from the root logger and the Hub from telling each retry; faults become a ModelError."""
    root, hub = logging.getLogger(), logging.getLogger("huggingface_hub")
    level = hub.level
    root.addFilter(_is_not_open_clip)
    hub.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.removeFilter(_is_not_open_clip)
        hub.setLevel(level)


def _is_not_open_clip(record: logging.LogRecord) -> bool:
    return "open_clip" not in record.pathname
