"""A model's files: a folder on this machine, or a name on Hugging Face's hub, whose files are looked for here first.

What is not here is fetched, which is said at once; a hub that does not answer is one line within ten seconds.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import logging
import os
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswerError
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from babelsift.schemas import ModelError, one_line

_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_ANSWER_S = 9.0
_BLOCK = 2**20
_WEIGHTS = ("*.safetensors", "*.bin")
# Small files beside the weights: configuration, tokenizer.
_BESIDE = ("*.json", "*.txt", "*.model", "*.vocab", "merges.txt")
_NO_FOLDERS = "*/*"  # of other formats: onnx/, openvino/, tf/
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class HubModel:
    """A model on the hub.

    Attributes:
        name: organisation/name.
        revision: its commit.
        files: name -> bytes, of those that are needed.
    """

    name: str
    revision: str
    files: dict[str, int]

    @property
    def bytes(self) -> int:
        """How much is fetched."""
        return sum(self.files.values())


def find_model(name: str) -> Path | None:
    """Returns the folder that a model's files are in; None where they are to be fetched.

    Args:
        name: a folder, or organisation/name on the hub, whose files an earlier run has fetched.

    Raises:
        ModelError: it is neither a folder nor such a name.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if name.startswith((".", "~", os.sep)) or not _NAME.fullmatch(name):
        raise ModelError(f"no model {name!r}: it is no folder here, and no organisation/name of Hugging Face's hub")
    # Newer versions of the hub's library do not call a snapshot whole that lacks files which nobody asked for.
    config = _hub(name).try_to_load_from_cache(name, "config.json")
    found = Path(config).parent if isinstance(config, str) else None
    return found if found is not None and _is_whole(found) else None


def describe_on_hub(name: str, *, patience_s: float = _ANSWER_S) -> HubModel:
    """Returns what is to be fetched of a model.

    Args:
        name: organisation/name.
        patience_s: how long the hub has to answer.

    Raises:
        ModelError: there is no such model, or the hub does not answer within ten seconds.
    """
    hub = _hub(name)
    info = _answered(lambda: hub.HfApi().model_info(name, files_metadata=True, timeout=patience_s), name, patience_s)
    names = {one.rfilename: int(one.size or 0) for one in info.siblings or ()}
    return HubModel(name, str(info.sha), {one: names[one] for one in _wanted(names)})


def check_reachable(address: str, name: str, *, patience_s: float = _ANSWER_S) -> None:
    """Asks whether a model can be fetched at all, before a library of others tries for minutes.

    Args:
        address: http or https, where its files lie.
        name: of the model.
        patience_s: how long an answer may take; any will do.

    Raises:
        ModelError: nobody answers.
    """

    def ask() -> None:
        request = urllib.request.Request(address, method="HEAD")
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=patience_s):
            pass

    _answered(ask, name, patience_s)


def is_cached(name: str, files: Iterable[str]) -> bool:
    """Returns whether one of some files of a model on the hub has been fetched.

    Args:
        name: organisation/name.
        files: of the model.
    """
    hub = _hub(name)
    return any(isinstance(hub.try_to_load_from_cache(name, file), str) for file in files)


def cached_bytes() -> int:
    """Returns how much lies where libraries keep what they have fetched: the hub's, and OpenAI's weights."""
    folders = [Path("~/.cache/clip").expanduser()]
    with contextlib.suppress(ImportError):
        from huggingface_hub import constants

        folders.append(Path(constants.HF_HUB_CACHE))
    files = (path for folder in folders for path in folder.rglob("*") if not path.is_symlink())
    return sum(path.stat().st_size for path in files if path.is_file())


def fetch_model(model: HubModel, *, more: Sequence[str] = ()) -> Path:
    """Fetches a model's files, those that are not here yet, and returns their folder.

    Args:
        model: as the hub describes it.
        more: patterns of files beside them.

    Raises:
        ModelError: the hub does not give them.
    """
    hub = _hub(model.name)
    try:
        # By its branch, under which it is found again, not by the commit.
        return Path(hub.snapshot_download(model.name, allow_patterns=[*sorted(model.files), *more]))
    except (OSError, ValueError) as error:
        raise ModelError(f"model {model.name}: cannot be fetched: {one_line(error)}; try again") from error


def model_folder(name: str, *, has_code: bool = False) -> Path:
    """Returns the folder of a model's files, which are fetched first where they are not here.

    Args:
        name: see `find_model`.
        has_code: fetch the Python code that the model brings, too.

    Raises:
        ModelError: there is no such model, or it cannot be fetched.
    """
    found = find_model(name)
    if found is not None:
        return found
    model = describe_on_hub(name)
    logging.info("models: fetching %s, %.1f MB, from Hugging Face's hub", name, model.bytes / 1e6)
    return fetch_model(model, more=("*.py",) if has_code else ())


def model_digest(folder: Path) -> str:
    """Returns the sha256 of a model's files: weights, configuration, tokenizer.

    Args:
        folder: of the model.
    """
    digest = hashlib.sha256()
    for name in _wanted([path.name for path in folder.iterdir() if path.is_file()]):
        digest.update(f"{name}\0".encode())
        with (folder / name).open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def read_config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """Returns a model's configuration.

    Raises:
        ModelError: there is none, or it is no JSON object.
    """
    try:
        config = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} is no model folder: {name}: {one_line(error)}; name one that has it") from error
    if not isinstance(config, dict):
        raise ModelError(f"{folder / name} holds {type(config).__name__}, not a model's configuration")
    return config


def _wanted(names: Any) -> list[str]:
    """The names of files that a model is loaded from: weights as safetensors where it has them, and what is beside."""
    weights = next((found for kind in _WEIGHTS if (found := fnmatch.filter(names, kind))), [])
    beside = [one for kind in _BESIDE for one in fnmatch.filter(names, kind)]
    wanted = {one for one in [*weights, *beside] if not fnmatch.fnmatch(one, _NO_FOLDERS)}
    return sorted(one for one in wanted if not one.startswith(("training_args", "optimizer")))


def _is_whole(folder: Path) -> bool:
    names = [path.name for path in folder.iterdir()]
    for index in fnmatch.filter(names, "*.index.json"):  # of weights in several files
        parts = set(read_config(folder, index).get("weight_map", {}).values())
        if not parts <= set(names):
            return False
    return "config.json" in names and any(fnmatch.filter(names, kind) for kind in _WEIGHTS)


def _hub(name: str) -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise ModelError(
            f"model {name} is no folder here, and to look for it on the hub huggingface_hub is needed; "
            "run: pip install 'babelsift[transformers]'"
        ) from error
    return huggingface_hub


def _answered(ask: Callable[[], _Answer], name: str, patience_s: float) -> _Answer:
    """Returns what the hub says, in time: names that do not resolve hold a process for longer than it is told."""
    answer: Future[_Answer] = Future()

    def wait() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001 it is raised where it was asked for
            answer.set_exception(error)

    threading.Thread(target=wait, name="hub", daemon=True).start()
    offline = "put its files into a folder and name that, or run `babelsift models fetch` where there is a network"
    try:
        return answer.result(patience_s)
    except NoAnswerError as error:
        raise ModelError(f"model {name}: not here, and where it is to be fetched nobody answers; {offline}") from error
    except Exception as error:  # requests', httpx' and the hub's own
        kind = type(error).__name__
        if "NotFound" in kind or "HFValidation" in kind:
            raise ModelError(f"model {name}: Hugging Face's hub has no such model ({kind}); mend the name") from error
        raise ModelError(f"model {name}: not here, and cannot be fetched ({one_line(error)}); {offline}") from error
