"""Files that a recipe names beside the input: earlier datasets, evaluation sets. They are read as the input's are."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator
from typing import IO

import pyarrow as pa

from babelsift.pipelines.inputs.slices import InputFile
from babelsift.pipelines.inputs.storage_file import StorageFile
from babelsift.schemas import InputError, one_line, public_url

_BUFFER_BYTES = 1 << 16
_UNREADABLE = (EOFError, OSError, ValueError, KeyError, pa.ArrowException, tarfile.TarError)


@contextlib.contextmanager
def open_named_file(path: str, *, setting: str, remedy: str) -> Iterator[IO[bytes]]:
    """Opens a file for reading; what goes wrong inside the block, with the store or the content, is one line.

    A read that fails for a while is tried again.

    Args:
        path: as fsspec opens it.
        setting: what names the file: `dedup_pairs.earlier`, say.
        remedy: of a content that cannot be read.

    Raises:
        InputError: the file cannot be read, or its content is not what the block takes it for.
    """
    try:
        with StorageFile(InputFile(path, path)) as source, io.BufferedReader(source, _BUFFER_BYTES) as file:
            yield file
    except _UNREADABLE as error:
        reason = one_line(error, limit=None)
        raise InputError(f"{setting}: {public_url(path)} cannot be read: {reason}; {remedy}") from error
