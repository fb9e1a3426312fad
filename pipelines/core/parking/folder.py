"""Which folder temporary files lie in, how much a run will put there, and whether that fits."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from dataclasses import dataclass

from babelsift.schemas import RecipeError
from babelsift.schemas.errors import one_line

# At most so many bytes a row are on disk at once: measured by `make bench ONLY=scale`, rows of 300 bytes, every stage.
BYTES_A_ROW = 3500
_WORTH_A_LINE = 100_000_000


@dataclass(frozen=True)
class TemporaryFolder:
    """A folder for temporary files.

    Attributes:
        path: on this machine.
        rows: about how many a run has.
    """

    path: str
    rows: int

    @property
    def expected_bytes(self) -> int:
        """About the most that the run will have there at once."""
        return self.rows * BYTES_A_ROW

    @property
    def may_be_too_small(self) -> bool:
        """Whether less is free there."""
        return self.expected_bytes > shutil.disk_usage(self.path).free

    def describe(self) -> str:
        """Returns what a run will use, what there is, and what to do where that is too little.

        >>> TemporaryFolder("/tmp", 1_000_000).describe().split(";")[0]
        'temporary files: up to about 3.5 GB in /tmp'
        """
        free = _size(shutil.disk_usage(self.path).free)
        line = f"temporary files: up to about {_size(self.expected_bytes)} in {self.path}; {free} are free there"
        if self.may_be_too_small:
            line += ", which may not be enough: name a larger disk with --temp-dir"
        return line

    def log(self) -> None:
        """Says it before a run, where it is worth a line."""
        if self.may_be_too_small:
            logging.warning(self.describe())
        elif self.expected_bytes >= _WORTH_A_LINE:
            logging.info(self.describe())


def temporary_folder(chosen: str | None, rows: int = 0) -> TemporaryFolder:
    """Returns the folder that was chosen; else that of TMPDIR, or the system's.

    Args:
        chosen: as --temp-dir names it; None: it does not.
        rows: about how many the run has.

    Raises:
        RecipeError: the folder is not there or cannot be written.
    """
    path = chosen or tempfile.gettempdir()
    try:
        with tempfile.TemporaryFile(dir=path, prefix="babelsift-"):
            return TemporaryFolder(os.path.abspath(path), rows)
    except OSError as error:
        raise RecipeError(
            f"--temp-dir {path}: temporary files cannot be written there ({one_line(error)}); name a folder that can"
        ) from error


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"
