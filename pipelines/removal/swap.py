"""Several files that belong together, replaced by their new versions so that a kill at any moment is mended.

The new versions are written whole below OUT/removals/swap/, then a list of them, then each is copied to its own path.
While the list is there, copying again mends whatever was interrupted; without it nothing but copies was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import REMOVALS
from babelsift.pipelines.storage.whole_file import WholeFile

_SWAP = f"{REMOVALS}/swap"
_LIST = f"{_SWAP}/files.json"
_BLOCK_BYTES = 1 << 20


class Swap:
    """The new versions of some files; see `swapping`."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self.paths: list[str] = []

    def writing(self, path: str) -> AbstractContextManager[WholeFile]:
        """Returns a context manager that opens the new version of a file for writing.

        Args:
            path: within the run folder; files get their new versions in the order in which they are written.
        """
        self.paths.append(path)
        return self._folder.writing(f"{_SWAP}/{path}", read_back=True)

    def sha256_of(self, path: str) -> str:
        """Returns the sha256 of a file's new version, as hex."""
        return self._folder.sha256(f"{_SWAP}/{path}")[1]

    def write_bytes(self, path: str, content: bytes) -> None:
        """Writes the new version of a file."""
        with self.writing(path) as file:
            file.write(content)

    def write_json(self, path: str, content: Any) -> None:
        """Writes the new version of a JSON file, as `RunFolder.write_json` does."""
        self.paths.append(path)
        self._folder.write_json(f"{_SWAP}/{path}", content)


@contextmanager
def swapping(folder: RunFolder) -> Iterator[Swap]:
    """Yields what takes new versions of files; at its end all of them take the place of the old ones.

    Args:
        folder: the run folder; one such block at a time.
    """
    swap = Swap(folder)
    yield swap
    if swap.paths:
        folder.write_json(_LIST, swap.paths)
    finish_swap(folder)


def mend_swap(folder: RunFolder) -> None:
    """Ends what a killed run has begun, where it has: one look at the folder where not."""
    if folder.exists(_LIST):
        finish_swap(folder)


def finish_swap(folder: RunFolder) -> None:
    """Ends what a killed process has begun: all files get their new versions, or all keep their old ones."""
    for path in folder.read_json(_LIST, remedy="remove it and run `babelsift remove` again") or ():
        with folder.open(_SWAP, path) as source, folder.writing(path, read_back=True) as target:
            while block := source.read(_BLOCK_BYTES):
                target.write(block)
    folder.remove(_LIST)
    for path in folder.files_under(_SWAP):
        folder.remove(path)
