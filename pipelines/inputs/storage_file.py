"""A file of the input as bytes: reads that fail for a while are tried again, and what fails for good is one line.

So an error that reaches the readers of formats is always of the content, never of the file system.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from babelsift.pipelines.inputs.slices import InputFile
from babelsift.pipelines.storage.errors import Retries, retrying, storage_failures
from babelsift.pipelines.storage.file_systems import open_file_system
from babelsift.pipelines.storage.seekable_file import SeekableFile
from babelsift.schemas import InputError

_COPIED_BYTES = 1 << 20


class StorageFile(SeekableFile):
    """Reads a file on any fsspec file system; seekable everywhere, also where the server knows no ranges.

    Args:
        file: the file.
        retries: of each read; None: `default_retries()`.

    Raises:
        InputError: here and in every read: the file system does not give what is asked for, also when asked again.
    """

    def __init__(self, file: InputFile, *, retries: Retries | None = None) -> None:
        super().__init__()
        self._name = file.shown
        self._retries = retries
        self._handle: BinaryIO | None = None
        self._copy: BinaryIO | None = None
        self.failure: InputError | None = None
        with self._one_line():
            self._fs, self._path = open_file_system(file.path)
            self._size: int | None = retrying(lambda: self._fs.info(self._path), retries=retries).get("size")
            if self._size is None:
                self._copy_whole()

    @property
    def size(self) -> int:
        """Bytes."""
        assert self._size is not None
        return self._size

    def readinto(self, buffer: Any) -> int:
        """Reads at most as many bytes as the buffer takes; 0 at the file's end."""
        wanted = min(len(buffer), self.size - self.position)
        if wanted <= 0:
            return 0
        with self._one_line():
            content = retrying(lambda: self._read(wanted), retries=self._retries)
        buffer[: len(content)] = content
        self.position += len(content)
        return len(content)

    def close(self) -> None:
        """Closes what is open."""
        if not self.closed:
            self._drop_handle()
            if self._copy is not None:
                self._copy.close()
        super().close()

    def _read(self, wanted: int) -> bytes:
        try:
            content = self._read_once(wanted)
            if not content:
                raise OSError(errno.EIO, f"ends after {self.position} of its {self._size} bytes")
            return content
        except BaseException:
            self._drop_handle()  # the next attempt begins with a new one
            raise

    def _read_once(self, wanted: int) -> bytes:
        if self._copy is None:
            try:
                if self._handle is None:
                    self._handle = self._fs.open(self._path, "rb")
                if self._handle.tell() != self.position:
                    self._handle.seek(self.position)
                return self._handle.read(wanted)
            except (ValueError, NotImplementedError):
                # A server that knows no ranges, or a file system whose files are streams.
                self._drop_handle()
                self._copy_whole()
        assert self._copy is not None
        self._copy.seek(self.position)
        return self._copy.read(wanted)

    def _copy_whole(self) -> None:
        copy = tempfile.TemporaryFile()  # noqa: SIM115 (closed with this file)

        def attempt() -> None:
            copy.seek(0)
            copy.truncate()
            with self._fs.open(self._path, "rb", block_size=0) as stream:
                shutil.copyfileobj(stream, copy, _COPIED_BYTES)

        retrying(attempt, retries=self._retries)
        self._copy, self._size = copy, copy.tell()

    def _drop_handle(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            with contextlib.suppress(Exception):
                handle.close()

    @contextlib.contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            with storage_failures(InputError, f"{self._name}: cannot be read"):
                yield
        except InputError as error:
            self.failure = error
            raise
