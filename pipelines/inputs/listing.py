"""Listing on any fsspec file system: what a path is, what lies below a folder, which files a pattern matches.

It is our own: fsspec's leaves out a folder that cannot be listed, so that an outage would make the input smaller.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.utils import glob_translate

from babelsift.pipelines.storage.errors import is_absent, is_passing, retrying, storage_failures
from babelsift.pipelines.storage.file_systems import open_file_system
from babelsift.schemas import InputError, one_line
from babelsift.schemas.file_systems import file_system_error


def file_system_of(place: str, sought: str) -> tuple[AbstractFileSystem, str]:
    """Returns a place's file system, which has forgotten what it listed before, and the path in it.

    Args:
        place: a path or any fsspec URL.
        sought: what is looked for and where, as the error says it.

    Raises:
        InputError: there is no such file system, or it cannot be reached.
    """
    try:
        fs, path = open_file_system(place)
    except (ImportError, ValueError) as error:
        raise InputError(f"cannot look for {sought}: {file_system_error(place, error)}") from error
    except OSError as error:
        raise InputError(f"cannot look for {sought}: {one_line(error)}") from error
    fs.invalidate_cache()
    return fs, path


@contextmanager
def looking_for(sought: str) -> Iterator[None]:
    """Raises what a file system raises as an InputError that says what was looked for."""
    with storage_failures(InputError, f"cannot look for {sought}"):
        try:
            yield
        except ValueError as error:
            raise InputError(f"cannot look for {sought}: {one_line(error)}") from error


def info_of(fs: AbstractFileSystem, path: str) -> dict[str, Any] | None:
    """Returns what a file system says of a path; None where nothing is there."""
    try:
        return retrying(lambda: fs.info(path))
    except FileNotFoundError as error:
        if not is_absent(error):
            raise
        return None
    except NotADirectoryError:
        return None
    except (OSError, ValueError) as error:
        if has_wildcards(fs, path) and not is_passing(error):
            return None  # a pattern need not be a name that the file system takes
        raise


def files_matching(fs: AbstractFileSystem, pattern: str) -> list[str]:
    """Returns the sorted files that a pattern with wildcards matches."""
    root = root_of(fs, pattern)
    return sorted(set(_matches_below(fs, root, pattern[len(root) :].split("/"))))


def _matches_below(fs: AbstractFileSystem, folder: str, components: Sequence[str]) -> Iterator[str]:
    head, *tail = components
    if head == "**":
        yield from _matches_below(fs, folder, tail or ["*"])
        for path, is_folder in _entries(fs, folder):
            if is_folder:
                yield from _matches_below(fs, path, components)
        return
    matches = re.compile(glob_translate(head)).match
    for path, is_folder in _entries(fs, folder):
        if not matches(posixpath.basename(path)):
            continue
        if tail and is_folder:
            yield from _matches_below(fs, path, tail)
        elif not tail and not is_folder:
            yield path


def files_below(fs: AbstractFileSystem, folder: str) -> Iterator[str]:
    """Yields the files of a folder and of all folders in it."""
    for path, is_folder in _entries(fs, folder):
        if is_folder:
            yield from files_below(fs, path)
        else:
            yield path


def _entries(fs: AbstractFileSystem, folder: str) -> list[tuple[str, bool]]:
    """Returns (path, whether it is a folder) of what is in a folder; nothing where there is no such folder."""
    try:
        entries = retrying(lambda: fs.ls(folder, detail=True))
    except (FileNotFoundError, NotADirectoryError):
        return []
    paths = [(entry["name"].rstrip("/"), entry["type"] == "directory") for entry in entries if not _leads_back(entry)]
    links = {entry["name"] for entry in entries if entry.get("islink")}
    paths = [(path, is_folder or (path in links and os.path.isdir(path))) for path, is_folder in paths]
    return [(path, is_folder) for path, is_folder in paths if path != folder.rstrip("/")]


def _leads_back(entry: dict[str, Any]) -> bool:
    """Whether an entry is a link to a folder that it lies in itself, which has no end."""
    if not entry.get("islink"):
        return False
    target = os.path.realpath(entry["name"])
    return os.path.isdir(target) and f"{os.path.realpath(os.path.dirname(entry['name']))}/".startswith(f"{target}/")


def root_of(fs: AbstractFileSystem, pattern: str) -> str:
    """Returns the longest part of a pattern without wildcards, up to a slash."""
    wildcards = [pattern.find(mark) for mark in _wildcards(fs) if mark in pattern]
    return pattern[: pattern.rfind("/", 0, min(wildcards)) + 1]


def has_wildcards(fs: AbstractFileSystem, path: str) -> bool:
    """Returns whether a path is a pattern."""
    return any(mark in path for mark in _wildcards(fs))


def _wildcards(fs: AbstractFileSystem) -> str:
    return "*[" if is_http(fs) else "*?["  # a question mark begins a URL's query


def is_http(fs: AbstractFileSystem) -> bool:
    """Returns whether a file system is the web, where a path may have a query."""
    return "http" in protocols_of(fs)


def has_buckets(fs: AbstractFileSystem) -> bool:
    """Returns whether a path begins with a bucket."""
    return not protocols_of(fs).isdisjoint(("s3", "gs", "oss", "obs", "cosn", "tos"))


def protocols_of(fs: AbstractFileSystem) -> set[str]:
    """Returns the schemes of a file system's URLs."""
    return {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)


def _beside(place: str, fs: AbstractFileSystem, path: str) -> str:
    """Returns the URL of a file by that of a place: with its host and user, which file systems leave out of paths."""
    _, looked_at = open_file_system(place)
    named = place.rstrip("/")
    if looked_at and named.endswith(looked_at):
        return named.removesuffix(looked_at) + path
    return fs.unstrip_protocol(path)


def path_to_open(place: str, fs: AbstractFileSystem, path: str) -> str:
    """Returns the path of a file as fsspec opens it, with all that it was named by."""
    first, mark, rest = place.partition("::")
    if not mark:
        return _beside(place, fs, path) if "://" in place else path
    scheme, is_url, _ = first.partition("://")
    if is_url:
        return f"{scheme}://{path}::{rest}"
    scheme = rest.partition("://")[0]
    return f"{first}::{path if path.startswith(scheme) else f'{scheme}://{path}'}"
