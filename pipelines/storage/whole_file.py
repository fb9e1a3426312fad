"""A file being written, which has its name only once it is whole."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

from babelsift.pipelines.storage.errors import describe_storage_error
from babelsift.schemas import RunFolderError, one_line


class WholeFile(io.RawIOBase):
    """Counts and digests what is written to it; gives no file its name.

    Attributes:
        path: the name that it will have, in full.
        size: bytes written so far.
    """

    def __init__(self, write: Callable[[memoryview], object], path: str) -> None:
        super().__init__()
        self._write = write
        self.path = path
        self._digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """Returns True: it is there to be written."""
        return True

    def write(self, content: Any) -> int:
        """Writes all of some bytes.

        Raises:
            RunFolderError: the disk is full, or gone, or may not be written.
        """
        with memoryview(content).cast("B") as view:
            try:
                self._write(view)
            except OSError as error:
                raise cannot_write(self.path, error) from error
            self._digest.update(view)
            self.size += view.nbytes
            return view.nbytes

    def tell(self) -> int:
        """Returns how much was written."""
        return self.size

    @property
    def sha256(self) -> str:
        """Hex digits over all that was written so far."""
        return self._digest.hexdigest()


def cannot_write(path: str, error: OSError) -> RunFolderError:
    """Returns the error that names a file that could not be written, why, and what to do about it."""
    description = describe_storage_error(error)
    if description == one_line(error):
        description = f"{description}; mend it, then run the same command again: it goes on from there"
    return RunFolderError(f"cannot write {path}: {description}")
