"""The files that a user names by folders, globs and paths, on any fsspec file system."""

from __future__ import annotations

import fsspec

from babelsift.schemas import InputError


def files_in(place: str, *, sought: str) -> list[str]:
    """Returns the files that a folder (with all below it), a glob or a path names, as paths that fsspec opens.

    Args: sought: what is looked for and where, as the error says it.
    Raises: InputError: the place cannot be looked into.
    """
    try:
        fs, pattern = fsspec.core.url_to_fs(place)
        found = fs.find(pattern) if fs.isdir(pattern) else fs.glob(pattern)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"cannot look for {sought}: {error}") from error
    return [fs.unstrip_protocol(path) if "://" in place else path for path in found]
