"""The files that a user names by folders, globs and paths on any fsspec file system, and their paths in the input."""

from __future__ import annotations

import itertools
import logging
import os
import posixpath
import re
from collections.abc import Sequence

from fsspec import AbstractFileSystem

from babelsift.pipelines.inputs.crawl.paths_file import is_paths_file, listed_files
from babelsift.pipelines.inputs.formats import format_of
from babelsift.pipelines.inputs.listing import (
    file_system_of,
    files_below,
    files_matching,
    has_buckets,
    has_wildcards,
    info_of,
    is_http,
    looking_for,
    path_to_open,
    protocols_of,
    root_of,
)
from babelsift.pipelines.inputs.slices import InputFile
from babelsift.pipelines.run_folder.paths import FUNNEL, MANIFEST, PARQUET, SIZES, STATS, TAR
from babelsift.pipelines.run_folder.shard_layout import TRAIN
from babelsift.schemas import InputError, public_url

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
    fs, path = file_system_of(place, sought)
    with looking_for(sought):
        entry = info_of(fs, path)
        if entry is None:
            files = files_matching(fs, path) if has_wildcards(fs, path) else []
        elif entry["type"] == "directory":
            files = sorted(files_below(fs, path))
        else:
            files = [path]
    return [path_to_open(place, fs, file) for file in files]


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
    fs, pattern = file_system_of(glob, sought)
    with looking_for(sought):
        # A path that is there is itself, whatever it looks like; not every file system (http) can list, either.
        entry = info_of(fs, pattern)
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
            path = pattern.partition("?")[0] if is_http(fs) else pattern
            root = path[: path.rfind("/") + 1]
        else:
            matches = files_matching(fs, pattern) if has_wildcards(fs, pattern) else []
            paths = _only_files(fs, [path for path in matches if not _is_mark(path)])
            root = root_of(fs, pattern) if paths else ""
        if not paths:
            raise InputError(f"no file matches {sought}; {_reason(fs, pattern)}")
    files = [(path_to_open(glob, fs, path), public_url(path).removeprefix(public_url(root))) for path in paths]
    return list(itertools.chain.from_iterable(listed_files(f[0]) if is_paths_file(f[0]) else [f] for f in files))


def _tables_below(fs: AbstractFileSystem, root: str) -> list[str]:
    """Returns the files of a folder, with all below it, that are input; says which are not.

    What begins with a dot or an underscore, there or in a folder's name, is what programs leave beside their output.
    """
    paths = [path for path in sorted(files_below(fs, root)) if not _is_hidden(path, root)]
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
    if "file" not in protocols_of(fs):
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
    if has_buckets(fs) and info_of(fs, bucket) is None:
        where = f" at {public_url(endpoint)}" if (endpoint := os.environ.get("AWS_ENDPOINT_URL")) else ""
        return f"there is no bucket {bucket!r}{where}, or it may not be seen: check its name"
    return "check the path, and quote globs in the shell"
