"""Loads two-tower models of transformers, whatever their kind: CLIP, ChineseCLIP, AltCLIP, SigLIP and SigLIP 2.

A model needs `get_image_features` and `get_text_features`, a tokenizer and an image processor. Imports torch and
transformers.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from babelsift.filters.clip.backends.model_parts import ModelParts
from babelsift.filters.clip.backends.model_source import (
    FOLDER_PREFIX,
    TRANSFORMERS_PREFIX,
    forbid_pretrained,
    import_open_clip,
)
from babelsift.filters.clip.backends.processors import MOST_TOKENS, ProcessorTokenizer, image_transform
from babelsift.filters.clip.devices import devices_for, resolve_precision
from babelsift.filters.clip.towers.two_towers import TwoTowers
from babelsift.filters.model_files import model_folder, read_config
from babelsift.schemas import ModelError, one_line

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# Of these, positions begin behind the padding's number.
_LATE_POSITIONS = ("roberta", "camembert")
_CHANGING = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures")


def load_from_transformers(
    model: str, pretrained: str | None, *, device: str | None, precision: str, remote_code: bool = False
) -> tuple[ModelParts, Any, list[Any]]:
    """Returns a model, the device that it is on, and the others that it is to run on.

    Args:
        model: `transformers:` and organisation/name or a folder; or a folder alone.
        pretrained: None: the model brings its weights.
        device: see `devices_for`.
        precision: see `resolve_precision`; nothing of it is kept in fp32.
        remote_code: run the Python code that the model brings.

    Raises:
        ModelError: it cannot be loaded, in a line with its remedy.
    """
    import_open_clip()
    transformers = _transformers()
    forbid_pretrained(model, pretrained)
    place = model.removeprefix(TRANSFORMERS_PREFIX).removeprefix(FOLDER_PREFIX)
    folder, identity = _folder(place, remote_code)
    trust = {"trust_remote_code": remote_code}
    first, *more = devices_for(device)
    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        config = transformers.AutoConfig.from_pretrained(folder, **trust)
        precision = resolve_precision(precision, first, _as_architecture(config), more_devices=more)
        model_of_both = _loaded(transformers, folder, _DTYPES[precision], trust)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **trust)
        processor = _image_processor(transformers, folder, trust)
        tokenize = ProcessorTokenizer(tokenizer, _positions(config))
        module = TwoTowers(model_of_both, tokenize).to(first).eval()
        preprocess = image_transform(processor)
    except Exception as error:
        raise ModelError(
            f"cannot load model {model} with transformers: {one_line(error, 200)}; {_remedy(folder)}"
        ) from error
    finally:
        transformers.logging.set_verbosity(level)
    facts = {
        "model": identity,
        "pretrained": None,
        "architecture": _settings(config.to_dict()),
        "preprocessing": _settings(processor.to_dict()),
        "backend": "transformers",
        **({"code": _code_digest(folder)} if remote_code else {}),
    }
    return ModelParts(model, module, preprocess, tokenize, tokenize.context_length, precision, facts), first, more


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise ModelError(
            f"models of transformers need it ({one_line(error)}); run: pip install 'babelsift[clip,transformers]'"
        ) from error
    return transformers


def _folder(place: str, has_code: bool) -> tuple[Path, str]:
    """Returns the folder of a model, and its name whatever folder it lies in."""
    folder = model_folder(place, has_code=has_code)
    kind = read_config(folder).get("model_type")
    if kind is None:
        raise ModelError(f"{folder / 'config.json'} has no model_type; it is not the description of a model")
    is_here = Path(place).expanduser().is_dir()
    return folder, f"{TRANSFORMERS_PREFIX}{kind if is_here else place}"


def _code_digest(folder: Path) -> str:
    """Returns the sha256 of the code in a model's folder, and of what its description asks for from elsewhere."""
    digest = hashlib.sha256(repr(read_config(folder).get("auto_map")).encode())
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _loaded(transformers: Any, folder: Path, dtype: torch.dtype, trust: dict[str, bool]) -> Any:
    """Returns a model with all of its weights: transformers only warns of those that lack, and draws them."""
    model, said = transformers.AutoModel.from_pretrained(folder, torch_dtype=dtype, output_loading_info=True, **trust)
    for needed in ("get_image_features", "get_text_features"):
        if not hasattr(model, needed):
            raise ValueError(f"{type(model).__name__} has no {needed}, so it gives no embeddings of both kinds")
    if missing := sorted(said["missing_keys"]):
        raise ValueError(f"{missing[0]} is missing from its weights")
    return model


def _remedy(folder: Path) -> str:
    if "auto_map" in read_config(folder):
        return "it brings Python code of its own, which is run only where the model has `remote_code: true`"
    return "check that the folder has all files of the model, its tokenizer and its image processor"


def _image_processor(transformers: Any, folder: Path, trust: dict[str, bool]) -> Any:
    """Returns the processor on Pillow: that on torch differs from it by a level here and there."""
    option: dict[str, Any] = (
        {"backend": "pil"} if int(transformers.__version__.split(".")[0]) >= 5 else {"use_fast": False}
    )
    return transformers.AutoImageProcessor.from_pretrained(folder, **option, **trust)


def _as_architecture(config: Any) -> dict[str, Any]:
    """Returns what `resolve_precision` asks of a model."""
    text = getattr(config, "text_config", config)
    dimension = getattr(config, "projection_dim", None) or getattr(text, "projection_size", None)
    return {} if dimension is None else {"embed_dim": dimension}


def _positions(config: Any) -> int:
    """Returns the tokens that a text tower takes."""
    text = getattr(config, "text_config", config)
    positions = int(getattr(text, "max_position_embeddings", None) or MOST_TOKENS)
    is_late = any(name in str(getattr(text, "model_type", "")) for name in _LATE_POSITIONS) or "altclip" in str(
        getattr(text, "model_type", "")
    )
    return positions - int(getattr(text, "pad_token_id", None) or 0) - 1 if is_late else positions


def _settings(values: Any) -> Any:
    """Returns settings as JSON values, without those that change with the folder or the version of transformers."""
    if isinstance(values, dict):
        return {str(name): _settings(value) for name, value in values.items() if name not in _CHANGING}
    if isinstance(values, (list, tuple)):
        return [_settings(value) for value in values]
    return values if isinstance(values, (str, int, float, bool, type(None))) else str(values)
