"""Pushes a finished run's product to the Hugging Face hub, as a data set of its own: never what staging holds."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babelsift.pipelines.run_folder.finished_run import no_complete_run, read_funnel
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from babelsift.pipelines.run_folder.paths import CARD, FUNNEL, PREVIEW
from babelsift.pipelines.run_folder.product import PRODUCT_FOLDERS, SINGLE_FILES
from babelsift.schemas import PushError, one_line
from babelsift.schemas.errors import error_chain

_HUB_URL = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)/?")
_LAST = (CARD, FUNNEL)  # what says that the rest is there
_TEMPORARY = (".*", "*/.*", "*.tmp")
_NETWORKING = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3", "hf_xet"})
_UNAUTHORISED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


@dataclass(frozen=True)
class Pushed:
    """What was pushed.

    Attributes:
        repository: its page.
        files: of the product.
        size_bytes: of all of them.
    """

    repository: str
    files: int
    size_bytes: int


def push(output: str, target: str, *, private: bool = False) -> Pushed:
    """Uploads the product of a finished run, card and funnel last; a second call goes on where the first was cut short.

    Args:
        output: the run folder, on this machine.
        target: `hf://datasets/ORGANISATION/NAME`; made where it is not there.
        private: whether a data set that is made is private.

    Raises:
        RunFolderError: no complete run is there.
        PushError: the target is no data set's, the hub refuses or cannot be reached, or its library is missing.
    """
    repository = _repository(target)
    folder = RunFolder(output)
    paths = _product_of(folder, output)
    home = _local_path(folder, output)
    hub, api = _hub()
    if hub.get_token() is None:
        raise PushError(f"{target}: the hub asks for a token; run `hf auth login`, or set HF_TOKEN")
    try:
        url = api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        data = [path for path in paths if path not in _LAST]
        for patterns in (data, [path for path in paths if path in _LAST]):
            _upload(api, repository, home, patterns)
    except Exception as error:
        if (problem := next(filter(None, map(_problem, error_chain(error))), None)) is None:
            raise
        raise PushError(f"{target}: {problem}") from error
    return Pushed(str(url), len(paths), sum(Path(home, path).stat().st_size for path in paths))


def _repository(target: str) -> str:
    match = _HUB_URL.fullmatch(target)
    if match is None:
        raise PushError(f"{target!r} is no data set of the hub; write hf://datasets/ORGANISATION/NAME")
    return match[1]


def _product_of(folder: RunFolder, output: str) -> list[str]:
    """Returns the paths of the product's files, sorted."""
    manifest = read_manifest(folder)
    if read_funnel(folder) is None or (manifest is not None and manifest.replacement is not None):
        raise no_complete_run(output)
    below = [path for path in folder.files_under("") if path.startswith(tuple(f"{name}/" for name in PRODUCT_FOLDERS))]
    single = [path for path in (*SINGLE_FILES, PREVIEW) if folder.exists(path)]
    return sorted(path for path in (*below, *single) if not posixpath.basename(path).startswith("."))


def _local_path(folder: RunFolder, output: str) -> str:
    if not folder.is_local:
        raise PushError(f"{output}: only a run folder on this machine can be pushed; copy it here first")
    return str(folder.path())


def _hub() -> tuple[Any, Any]:
    """Returns the hub's library and its client."""
    try:
        import huggingface_hub
        from huggingface_hub.utils import disable_progress_bars, logging
    except ImportError as error:
        raise PushError("push needs huggingface_hub; run `pip install 'babelsift[hf]'`") from error
    disable_progress_bars()
    logging.set_verbosity_error()  # it would say each of its retries
    return huggingface_hub, huggingface_hub.HfApi()


def _upload(api: Any, repository: str, home: str, paths: list[str]) -> None:
    """Uploads files in as many commits as it takes; what is there already is passed over."""
    # From its second version on the library's upload of a folder is the one for large folders.
    upload = getattr(api, "upload_large_folder", api.upload_folder)
    named = {"repo_id": repository, "folder_path": home, "repo_type": "dataset"}
    upload(**named, allow_patterns=[_literal(path) for path in paths], ignore_patterns=list(_TEMPORARY))


def _literal(path: str) -> str:
    """Returns the pattern that matches nothing but a path."""
    return re.sub(r"([*?[])", r"[\1]", path)


def _problem(error: BaseException) -> str | None:
    """Returns what is said of an error of the hub or of the way there; None where it is another."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (_UNAUTHORISED, _FORBIDDEN):
        return f"the hub refuses this token (HTTP {status}); give it the right to write there"
    if status == _NOT_FOUND:
        return "the hub knows no such place (HTTP 404); check the organisation's name"
    if status is not None:
        return f"the hub answers HTTP {status}; the same command goes on from here"
    libraries = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    if libraries & _NETWORKING or isinstance(error, ConnectionError | TimeoutError):
        return f"the hub cannot be reached ({one_line(error)}); the same command goes on from here"
    return None
