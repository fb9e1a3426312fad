"""Loads open_clip's models: architectures with weights by name, from the Hub, or from files.

Imports neither torch nor open_clip before it is asked for a model.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from babelsift.filters.clip.backends.model_parts import ModelParts
from babelsift.filters.clip.backends.model_source import HUB_PREFIX, ModelSource, import_open_clip, resolve_source
from babelsift.filters.clip.devices import devices_for, resolve_precision
from babelsift.filters.model_files import check_reachable, is_cached
from babelsift.schemas import ModelError, one_line

_LOG = logging.getLogger(__name__)
_WEIGHTS_ON_THE_HUB = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
_REMEDIES = {
    "tag": "remove the damaged file from the cache and try again",
    "file": "check that the checkpoint is whole and of that architecture",
    "hub": "check the name and the network, or give a local folder with its files",
    "folder": "check that the folder was copied whole",
}


def load_from_open_clip(
    model: str, pretrained: str | None, *, device: str | None, precision: str
) -> tuple[ModelParts, Any, list[Any]]:
    """Returns a model, the device that it is on, and the others that it is to run on.

    Args:
        model: see `resolve_source`.
        pretrained: as there.
        device: see `devices_for`.
        precision: see `resolve_precision`.

    Raises:
        ModelError: it cannot be loaded, in a line with its remedy.
    """
    source = resolve_source(model, pretrained)
    open_clip = import_open_clip()
    from babelsift.filters.clip.patches import without_tf32  # needs torch, as open_clip does
    from babelsift.filters.clip.residuals import widen_residuals

    first, *more = devices_for(device)
    with _libraries_silenced():
        _check_network(open_clip, source)
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
    facts = {
        "model": source.identity[0],
        "pretrained": source.identity[1],
        "architecture": _without_paths(architecture)
        | {"quick_gelu": source.quick_gelu or architecture.get("quick_gelu", False)},
        "preprocessing": open_clip.get_model_preprocess_cfg(module),
        **({"fp32_residuals": widened} if widened else {}),
    }
    parts = ModelParts(str(source), module, preprocess, tokenizer, tokenizer.context_length, precision, facts)
    return parts, first, more


def _check_network(open_clip: Any, source: ModelSource) -> None:
    """Raises a ModelError within seconds where a model must be fetched and cannot be; open_clip tries for minutes."""
    from huggingface_hub import constants  # open_clip needs it

    settings = (open_clip.get_pretrained_cfg(source.name, source.pretrained) if source.kind == "tag" else None) or {}
    name, file = os.path.split(settings.get("hf_hub", ""))
    if source.kind == "hub":
        name, file = source.name.removeprefix(HUB_PREFIX), "open_clip_config.json"
    if name:
        is_here = constants.HF_HUB_OFFLINE or is_cached(name, [file] if file else _WEIGHTS_ON_THE_HUB)
        address = f"{constants.ENDPOINT}/{name}"
    else:
        address = settings.get("url", "")
        is_here = not address or (Path("~/.cache/clip").expanduser() / os.path.basename(address)).exists()
    if not is_here:
        _LOG.info("%s is not on this machine; it is fetched from %s", source, address)
        check_reachable(address, str(source))


def _fetch_weights(open_clip: Any, source: ModelSource) -> None:
    """Downloads a tag's weights to open_clip's cache where they are missing; a step apart, for its own errors."""
    if source.kind != "tag":
        return
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


def _without_paths(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an architecture's settings without the folder of a text tower on this machine, which may be moved."""
    text = {
        name: "local" if name.startswith("hf_") and isinstance(value, str) and os.path.isdir(value) else value
        for name, value in architecture.get("text_cfg", {}).items()
    }
    return {**architecture, "text_cfg": text}


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
