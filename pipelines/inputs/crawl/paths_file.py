"""Lists of files as Common Crawl publishes them, `wat.paths.gz`: on each line a path from the bucket's root."""

from __future__ import annotations

import io

from babelsift.pipelines.inputs.slices import InputFile
from babelsift.pipelines.inputs.storage_file import StorageFile
from babelsift.pipelines.inputs.tables.compression import BROKEN_CONTENT, decompressed
from babelsift.schemas import InputError, one_line

_SUFFIXES = (".paths", ".paths.gz")
_BUCKET_ROOT = "crawl-data/"


def is_paths_file(path: str) -> bool:
    """Returns whether a file is a list of others, by its name."""
    return path.partition("?")[0].endswith(_SUFFIXES)


def listed_files(path: str) -> list[tuple[str, str]]:
    """Returns (path to open, path as listed) of the files that a list names.

    Paths are from the root of the bucket that the list itself is in, wherever it was copied to with its folders; of a
    list that is in no such folder, from its own. A line may be a whole URL, or a path from the root of this machine's
    disk where the list lies there; one that begins with `#` is none.

    Args:
        path: of the list, as fsspec opens it.

    Raises:
        InputError: the list cannot be read, or names nothing.
    """
    file = InputFile(path, path, compression="gzip" if path.partition("?")[0].endswith(".gz") else None)
    try:
        with StorageFile(file) as source, decompressed(source, file.compression) as content:
            lines = [line.strip() for line in io.TextIOWrapper(content, "utf-8")]
    except (*BROKEN_CONTENT, UnicodeDecodeError) as error:
        raise InputError(f"{file.shown}: not readable as a list of paths: {one_line(error)}; replace it") from error
    listed = [line for line in lines if line and not line.startswith("#")]
    if not listed:
        raise InputError(f"{file.shown}: names no file")
    root = path[: path.rfind(_BUCKET_ROOT)] if _BUCKET_ROOT in path else path[: path.rfind("/") + 1]
    return [(line if _is_whole(line, path) else root + line.lstrip("/"), line) for line in listed]


def _is_whole(line: str, path: str) -> bool:
    """Whether a line of a list says all of where its file is."""
    return "://" in line or (line.startswith("/") and "://" not in path)
