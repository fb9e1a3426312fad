"""The files that a user names by folders, globs and paths, on any fsspec file system, and their paths within the input.

Listing is our own: fsspec's leaves out a folder that cannot be listed, so that an outage would make the input smaller.
"""

from __future__ import annotations

import itertools
import logging
import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.utils import glob_translate

from babelsift.pipelines.inputs.crawl.paths_file import is_paths_file, listed_files
from babelsift.pipelines.inputs.formats import format_of
from babelsift.pipelines.inputs.slices import InputFile
from babelsift.pipelines.run_folder.paths import FUNNEL, MANIFEST, PARQUET, SIZES, STATS, TAR
from babelsift.pipelines.run_folder.shard_layout import TRAIN
from babelsift.pipelines.storage.errors import is_absent, is_passing, retrying, storage_failures
from babelsift.pipelines.storage.file_systems import open_file_system
from babelsift.schemas import InputError, one_line, public_url
from babelsift.schemas.file_systems import file_system_error

_WEBDATASET = "wds:"
_BRACES = re.compile(r"\{(?:([0-9]{1,12})\.\.([0-9]{1,12})|([^{}]*,[^{}]*))\}")
_MAX_BRACES = 1_000_000


def files_in(place: str, *, sought: str) -> list[str]:
    """Returns the files that a folder (with all below it), a glob or a path names, as paths that fsspec opens.

    Args:
        place: a path or any fsspec URL.
        sought: what is looked for and where, as the error says it.

    Raises:
        InputError: the place cannot be looked into.
    """
    fs, path = _file_system(place, sought)
    with _looking_for(sought):
        entry = _info(fs, path)
        if entry is None:
            files = _matches(fs, path) if _has_wildcards(fs, path) else []
        elif entry["type"] == "directory":
            files = sorted(_files_below(fs, path))
        else:
            files = [path]
    return [_to_open(place, fs, file) for file in files]


def input_files(globs: Sequence[str]) -> list[InputFile]:
    """Returns the files that several globs match, each once, in the order of the globs and of their paths.

    A file's `source` is its path below the longest part of its glob without wildcards; where there are several globs it
    begins with the glob's position. So files have the same sources wherever they lie, and whoever reads them.

    Args:
        globs: paths or fsspec URLs, with or without wildcards.

    Raises:
        InputError: a glob matches nothing, or cannot be looked for.
    """
    files: dict[str, InputFile] = {}
    taken: set[str] = set()
    for position, glob in enumerate(globs, start=1):
        if not glob.strip():
            raise InputError(f"--input {glob!r}: names no file")
        for path, name in itertools.chain.from_iterable(map(_named_files, _without_braces(glob))):
            source = name if len(globs) == 1 else f"{position}/{name}"
            number = 1
            while source in taken and path not in files:  # URLs that differ in their secrets alone
                number += 1
                source = f"{name} ({number})" if len(globs) == 1 else f"{position}/{name} ({number})"
            if path not in files:
                taken.add(source)
                files[path] = InputFile(path, source)
    for file in files.values():
        _check_name(file)
    return list(files.values())


def _check_name(file: InputFile) -> None:
    """Raises an InputError for a name that cannot be written down: every pair carries it."""
    try:
        file.path.encode()
    except UnicodeEncodeError as error:
        shown = public_url(file.path.encode(errors="backslashreplace").decode())
        raise InputError(f"--input {shown}: its name is not UTF-8; rename it, or leave it out") from error


def _without_braces(glob: str) -> list[str]:
    """Returns the paths that a webdataset's braces stand for, as its package reads them: `{000..099}`, `{a,b}`.

    Raises:
        InputError: the braces stand for more files than a data set has.
    """
    glob = glob.removeprefix(_WEBDATASET)
    match = _BRACES.search(glob)
    if match is None or os.path.exists(glob):  # a path that is there is itself, whatever it looks like
        return [glob]
    first, last, names = match.groups()
    if names is None:
        count = int(last) - int(first) + 1
        if not 0 < count <= _MAX_BRACES:
            raise InputError(f"--input {public_url(glob)!r}: {match.group()} stands for {max(0, count)} files")
        width = len(first)
        parts = [f"{number:0{width}d}" for number in range(int(first), int(last) + 1)]
    else:
        parts = names.split(",")
    return [path for part in parts for path in _without_braces(glob[: match.start()] + part + glob[match.end() :])]


def _named_files(glob: str) -> list[tuple[str, str]]:
    """Returns (path to open, path within the input) of the files that a glob matches."""
    sought = f"--input {public_url(glob)!r}"
    fs, pattern = _file_system(glob, sought)
    with _looking_for(sought):
        # A path that is there is itself, whatever it looks like; not every file system (http) can list, either.
        entry = _info(fs, pattern)
        if entry is not None and entry["type"] == "directory":
            root = pattern.rstrip("/") + "/"
            paths = _only_files(fs, _tables_below(fs, root))
            if not paths:
                example = public_url(glob).rstrip("/") + "/*"
                raise InputError(
                    f"{sought} is a folder without a file of a known format; name files, such as {example}"
                )
        elif entry is not None:
            paths = [pattern]
            path = pattern.partition("?")[0] if _is_http(fs) else pattern
            root = path[: path.rfind("/") + 1]
        else:
            matches = _matches(fs, pattern) if _has_wildcards(fs, pattern) else []
            paths = _only_files(fs, [path for path in matches if not _is_mark(path)])
            root = _root(fs, pattern) if paths else ""
        if not paths:
            raise InputError(f"no file matches {sought}; {_reason(fs, pattern)}")
    files = [(_to_open(glob, fs, path), public_url(path).removeprefix(public_url(root))) for path in paths]
    return list(itertools.chain.from_iterable(listed_files(f[0]) if is_paths_file(f[0]) else [f] for f in files))


def _tables_below(fs: AbstractFileSystem, root: str) -> list[str]:
    """Returns the files of a folder, with all below it, that are input; says which are not.

    What begins with a dot or an underscore, there or in a folder's name, is what programs leave beside their output.
    """
    paths = [path for path in sorted(_files_below(fs, root)) if not _is_hidden(path, root)]
    if set(paths) >= {f"{root}{MANIFEST}", f"{root}{FUNNEL}"}:
        shards = f"{public_url(root)}{TRAIN.folder}"
        raise InputError(f"--input {public_url(root)!r} is a run folder; its product is in {shards}: name that")
    paths = _without_descriptions(paths)
    tables = [path for path in paths if format_of(path) is not None]
    if others := [path for path in paths if format_of(path) is None]:
        logging.warning("read: %s: %d files of no known format are left out: %s", root, len(others), others[0])
    return tables


def _only_files(fs: AbstractFileSystem, paths: Sequence[str]) -> list[str]:
    """Returns paths without links that lead to nothing, pipes and other such entries of this machine's folders."""
    if "file" not in _protocols(fs):
        return list(paths)
    files = [path for path in paths if os.path.isfile(path)]
    for path in set(paths).difference(files):
        what = "a link to nothing" if os.path.islink(path) and not os.path.exists(path) else "no file"
        logging.warning("read: %s: is %s and left out", path, what)
    return files


def _without_descriptions(paths: Sequence[str]) -> list[str]:
    """Returns files without those that describe others, as img2dataset and our product have them beside a shard.

    `00000_stats.json` describes `00000.tar` or `00000.parquet`; `00000.parquet` has the rows of `00000.tar` once more,
    without images; `sizes.json` counts the tars beside it.
    """
    names = set(paths)
    folders = {posixpath.dirname(path) for path in paths if path.endswith(TAR)}
    left_out = [
        path
        for path in paths
        if (path.endswith(STATS) and not names.isdisjoint(path.removesuffix(STATS) + end for end in (TAR, PARQUET)))
        or (path.endswith(PARQUET) and path.removesuffix(PARQUET) + TAR in names)
        or (posixpath.basename(path) == SIZES and posixpath.dirname(path) in folders)
    ]
    if left_out:
        logging.info("read: %d files describe the shards beside them and are left out: %s", len(left_out), left_out[0])
    described = frozenset(left_out)
    return [path for path in paths if path not in described]


def _is_hidden(path: str, root: str) -> bool:
    return _is_mark(path) or any(part.startswith((".", "_")) for part in path.removeprefix(root).split("/"))


def _is_mark(path: str) -> bool:
    """Whether a file is what Spark and Hadoop leave beside tables."""
    name = posixpath.basename(path)
    return name in ("_SUCCESS", "_metadata", "_common_metadata") or (name.startswith(".") and name.endswith(".crc"))


def _reason(fs: AbstractFileSystem, pattern: str) -> str:
    """Why nothing matches: the bucket, or the folder, that is not there."""
    bucket = pattern.partition("/")[0]
    if _has_buckets(fs) and _info(fs, bucket) is None:
        where = f" at {public_url(endpoint)}" if (endpoint := os.environ.get("AWS_ENDPOINT_URL")) else ""
        return f"there is no bucket {bucket!r}{where}, or it may not be seen: check its name"
    return "check the path, and quote globs in the shell"


def _file_system(place: str, sought: str) -> tuple[AbstractFileSystem, str]:
    try:
        fs, path = open_file_system(place)
    except (ImportError, ValueError) as error:
        raise InputError(f"cannot look for {sought}: {file_system_error(place, error)}") from error
    except OSError as error:
        raise InputError(f"cannot look for {sought}: {one_line(error)}") from error
    fs.invalidate_cache()
    return fs, path


@contextmanager
def _looking_for(sought: str) -> Iterator[None]:
    """Raises what a file system raises as an InputError that says what was looked for."""
    with storage_failures(InputError, f"cannot look for {sought}"):
        try:
            yield
        except ValueError as error:
            raise InputError(f"cannot look for {sought}: {one_line(error)}") from error


def _info(fs: AbstractFileSystem, path: str) -> dict[str, Any] | None:
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
        if _has_wildcards(fs, path) and not is_passing(error):
            return None  # a pattern need not be a name that the file system takes
        raise


def _matches(fs: AbstractFileSystem, pattern: str) -> list[str]:
    """Returns the sorted files that a pattern with wildcards matches."""
    root = _root(fs, pattern)
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


def _files_below(fs: AbstractFileSystem, folder: str) -> Iterator[str]:
    for path, is_folder in _entries(fs, folder):
        if is_folder:
            yield from _files_below(fs, path)
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


def _root(fs: AbstractFileSystem, pattern: str) -> str:
    """Returns the longest part of a pattern without wildcards, up to a slash."""
    wildcards = [pattern.find(mark) for mark in _wildcards(fs) if mark in pattern]
    return pattern[: pattern.rfind("/", 0, min(wildcards)) + 1]


def _has_wildcards(fs: AbstractFileSystem, path: str) -> bool:
    return any(mark in path for mark in _wildcards(fs))


def _wildcards(fs: AbstractFileSystem) -> str:
    return "*[" if _is_http(fs) else "*?["  # a question mark begins a URL's query


def _is_http(fs: AbstractFileSystem) -> bool:
    return "http" in _protocols(fs)


def _has_buckets(fs: AbstractFileSystem) -> bool:
    return not _protocols(fs).isdisjoint(("s3", "gs", "oss", "obs", "cosn", "tos"))


def _protocols(fs: AbstractFileSystem) -> set[str]:
    return {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)


def _beside(place: str, fs: AbstractFileSystem, path: str) -> str:
    """Returns the URL of a file by that of a place: with its host and user, which file systems leave out of paths."""
    _, looked_at = open_file_system(place)
    named = place.rstrip("/")
    if looked_at and named.endswith(looked_at):
        return named.removesuffix(looked_at) + path
    return fs.unstrip_protocol(path)


def _to_open(place: str, fs: AbstractFileSystem, path: str) -> str:
    """Returns the path of a file as fsspec opens it, with all that it was named by."""
    first, mark, rest = place.partition("::")
    if not mark:
        return _beside(place, fs, path) if "://" in place else path
    scheme, is_url, _ = first.partition("://")
    if is_url:
        return f"{scheme}://{path}::{rest}"
    scheme = rest.partition("://")[0]
    return f"{first}::{path if path.startswith(scheme) else f'{scheme}://{path}'}"
