"""Resolves every way to name a CLIP model to the arguments that open_clip takes.

Faults that show without loading weights are told here, in one line with the remedy.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from babelsift.schemas import ModelError, one_line
from babelsift.schemas.suggestions import did_you_mean

HUB_PREFIX = "hf-hub:"
FOLDER_PREFIX = "local-dir:"
TRANSFORMERS_PREFIX = "transformers:"
_CONFIG_NAME = "open_clip_config.json"
_TRANSFORMERS_CONFIG_NAME = "config.json"
_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pth", ".pt", ".npz", ".npy", ".ckpt")
_FOLDER_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pth")


@dataclass(frozen=True)
class ModelSource:
    """The arguments that open_clip takes.

    Attributes:
        kind: how the weights are named.
        name, pretrained: open_clip's arguments of those names.
        quick_gelu: whether the weights were trained with QuickGELU whatever the architecture's default says.
    """

    kind: Literal["tag", "file", "hub", "folder"]
    name: str
    pretrained: str | None = None
    quick_gelu: bool = False

    @property
    def identity(self) -> tuple[str, str | None]:
        """(model, pretrained) without local paths: a model that is moved or copied is still the same model."""
        if self.kind == "folder":
            return FOLDER_PREFIX, None
        if self.kind == "file":
            return self.name, "file"
        return self.name, self.pretrained

    def __str__(self) -> str:
        return f"{self.name} ({self.pretrained})" if self.pretrained else self.name


def is_of_transformers(model: str) -> bool:
    """Returns whether a model is one of transformers: `transformers:` names it, or it is a folder of their layout.

    Args:
        model: a recipe's name of a model.
    """
    if model.startswith(TRANSFORMERS_PREFIX):
        return True
    folder = Path(model.removeprefix(FOLDER_PREFIX)).expanduser()
    return (folder / _TRANSFORMERS_CONFIG_NAME).is_file() and not (folder / _CONFIG_NAME).exists()


def import_open_clip() -> Any:
    """Returns the open_clip module.

    Raises:
        ModelError: torch or open_clip is not installed, or cannot be loaded.
    """
    try:
        import open_clip
    except (ImportError, OSError) as error:  # a broken torch raises OSError for its shared libraries
        raise ModelError(
            f"CLIP scoring needs torch and open_clip ({one_line(error)}); run: pip install 'babelsift[clip]'"
        ) from error
    return open_clip


def resolve_source(model: str, pretrained: str | None = None) -> ModelSource:
    """Returns the source of a model and its weights.

    Args:
        model: an open_clip architecture, `hf-hub:org/name`, or a local folder with or without `local-dir:`.
        pretrained: with an architecture, a tag of its weights or a checkpoint file; None with the others.

    Raises:
        ModelError: no such architecture, tag, folder or file; names the closest one where there is one.
    """
    open_clip = import_open_clip()
    architecture = model.replace("/", "-")
    if architecture in open_clip.list_models():
        return _architecture(open_clip, architecture, pretrained)
    if model.startswith(HUB_PREFIX):
        forbid_pretrained(model, pretrained)
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", model.removeprefix(HUB_PREFIX)):
            raise ModelError(f"{model!r} is not a Hugging Face name; write hf-hub:organisation/name")
        return ModelSource("hub", model)
    folder = Path(model.removeprefix(FOLDER_PREFIX)).expanduser()
    if model.startswith((FOLDER_PREFIX, ".", "~", os.sep)) or folder.is_dir():
        forbid_pretrained(model, pretrained)
        return _folder(folder)
    hint = did_you_mean(architecture, open_clip.list_models(), otherwise="`open_clip.list_models()` lists them")
    raise ModelError(
        f"unknown CLIP architecture {model!r}; {hint} A model can also be hf-hub:organisation/name or a local folder"
    )


def forbid_pretrained(model: str, pretrained: str | None) -> None:
    """Raises a ModelError where weights are named for a model that brings its own."""
    if pretrained is not None:
        raise ModelError(f"{model} brings its own weights; remove pretrained ({pretrained!r}) or name an architecture")


def _architecture(open_clip: Any, architecture: str, pretrained: str | None) -> ModelSource:
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    known = ", ".join(tags[:8]) + (", ..." if len(tags) > 8 else "") if tags else "none known"
    if not pretrained:
        raise ModelError(
            f"architecture {architecture} has no weights without pretrained; give a checkpoint file or a tag ({known})"
        )
    settings = open_clip.get_pretrained_cfg(architecture, pretrained)
    if settings:
        # open_clip 3 only warns where the tag's activation is not the architecture's, and then scores with the wrong
        # one: ViT-B-32 with the openai weights, the model of LAION's thresholds, is such a pair.
        return ModelSource("tag", architecture, pretrained, quick_gelu=bool(settings.get("quick_gelu")))
    path = Path(pretrained).expanduser()
    if path.is_file():
        return ModelSource("file", architecture, str(path))
    if path.is_dir():
        raise ModelError(f"pretrained {pretrained!r} is a folder; name its checkpoint file, or use model: {path}")
    if os.sep in pretrained or path.suffix in _WEIGHT_SUFFIXES:
        raise ModelError(f"no checkpoint file {pretrained!r}; give the path of a file on this machine")
    hint = did_you_mean(pretrained, tags, otherwise="none is like it.")
    raise ModelError(f"unknown weights {pretrained!r} for {architecture}; {hint} Known: {known}; or a checkpoint file")


def _folder(folder: Path) -> ModelSource:
    if not folder.is_dir():
        raise ModelError(f"no CLIP model folder {str(folder)!r}; give a folder with {_CONFIG_NAME} and its weights")
    config = folder / _CONFIG_NAME
    if not config.is_file():
        raise ModelError(f"{folder} has no {_CONFIG_NAME}; a model folder holds it beside open_clip_model.safetensors")
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{config} cannot be read as JSON ({one_line(error)}); copy it again") from error
    if not isinstance(content, dict) or not isinstance(content.get("model_cfg"), dict):
        raise ModelError(f"{config} has no model_cfg; it is not an open_clip model's description")
    if not any(path.suffix in _FOLDER_WEIGHT_SUFFIXES for path in folder.iterdir()):
        raise ModelError(f"{folder} holds no weights; put open_clip_model.safetensors there")
    return ModelSource("folder", f"{FOLDER_PREFIX}{folder}")
