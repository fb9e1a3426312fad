"""Models that an installed package ships: where its files are, and what tells one version from another."""

from __future__ import annotations

import hashlib
from importlib import metadata, util
from pathlib import Path

from babelsift.schemas import ModelError

_BLOCK = 2**20


def installed_file(package: str, distribution: str, file: str, *, needed_by: str, remedy: str) -> tuple[Path, str]:
    """Returns (a file of an installed package, which is not imported; the package's version and the file's digest).

    Args:
        package: its name in Python; distribution: its name for pip.
        file: path within it.
        needed_by, remedy: for the error: what of a recipe needs it, and how it is installed.

    Raises:
        ModelError: it is not installed, or has no such file.
    """
    found = util.find_spec(package)
    folders = list(found.submodule_search_locations or ()) if found else []
    path = Path(folders[0]) / file if folders else None
    if path is None or not path.is_file():
        raise ModelError(f"{needed_by}: needs {distribution}; {remedy}, on workers too")
    return path, f"{distribution} {metadata.version(distribution)} {digest_of(str(path), needed_by=needed_by)}"


def digest_of(file: str, *, needed_by: str) -> str:
    """Returns the SHA-256 of a model's file, in hex.

    Raises:
        ModelError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(file, "rb") as content:
            while block := content.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise ModelError(f"{needed_by}: cannot read the model {file}: {error.strerror}") from error
    return digest.hexdigest()
