"""Fetches a model's files from Hugging Face's Hub, once; says so, and does not wait for a network that is not there."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from babelsift.schemas import ModelError, one_line

_LOG = logging.getLogger(__name__)
_SETTINGS = ("*.json", "*.txt", "*.model", "*.jinja")
_PATIENCE_S = 8.0

_Made = TypeVar("_Made")


def hub_folder(name: str, *, endpoint: str | None = None, patience_s: float = _PATIENCE_S) -> Path:
    """Returns the local folder of a model's files; downloads them where the cache lacks them.

    Args:
        name: organisation/name.
        endpoint: the Hub's address; None: Hugging Face's.
        patience_s: how long its first answer may take.

    Raises:
        ModelError: the Hub does not answer, has no such model, or the files cannot be downloaded.
    """
    import huggingface_hub

    if (cached := _cached(huggingface_hub, name)) is not None:
        return cached
    _LOG.info("%s is not in the cache; asking the Hub for it", name)
    remedy = "connect to the network once, or copy the model to a folder and name that instead"
    try:
        api = huggingface_hub.HfApi(endpoint=endpoint)
        found = _within(patience_s, lambda: api.model_info(name, files_metadata=True, timeout=patience_s))
        weights = _weights(found.siblings or ())
        size = sum(file.size or 0 for file in found.siblings or () if file.rfilename in weights)
        _LOG.info("downloading %s: %.0f MB of weights", name, size / 1e6)
        return Path(api.snapshot_download(name, allow_patterns=[*_SETTINGS, *weights]))
    except Exception as error:
        raise ModelError(f"cannot fetch model {name}: {one_line(error, 200)}; {remedy}") from error


def _cached(huggingface_hub: Any, name: str) -> Path | None:
    """Returns the folder in the cache where it has a description and weights."""
    config = huggingface_hub.try_to_load_from_cache(name, "config.json")
    folder = Path(config).parent if isinstance(config, str) else None
    return folder if folder is not None and has_weights(folder) else None


def has_weights(folder: Path) -> bool:
    """Returns whether a folder holds weights that transformers reads, all files of them."""
    for index in folder.glob("*.index.json"):
        names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        if not all((folder / name).is_file() for name in names):
            return False
    return any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model*.bin"))


def _weights(files: Any) -> list[str]:
    """Returns the names of the files that hold weights, those that cannot run code where there are any."""
    names = [file.rfilename for file in files if "/" not in file.rfilename]
    safe = [name for name in names if name.endswith(".safetensors")]
    return safe or [name for name in names if name.startswith("pytorch_model") and name.endswith(".bin")]


def _within(seconds: float, ask: Callable[[], _Made]) -> _Made:
    """Returns an answer, unless it takes longer: a name that is not resolved can take minutes."""
    answers: list[_Made] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001 (raised where the answer was asked for)
            errors.append(error)

    thread = threading.Thread(target=call, name="hub", daemon=True)
    thread.start()
    thread.join(seconds)
    if answers:
        return answers[0]
    raise errors[0] if errors else TimeoutError(f"no answer within {seconds:g} s")
