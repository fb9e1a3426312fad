"""Progress on standard error: our own steps' lines, and the libraries' only where they are asked for."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from pathlib import Path

from babelsift import filters, pipelines, schemas
from babelsift.schemas import public_text


class _PublicFormatter(logging.Formatter):
    """Formats without credentials in URLs."""

    def format(self, record: logging.LogRecord) -> str:
        return public_text(super().format(record))


def show_log_lines(*, verbose: bool, quiet: bool = False) -> None:
    """Sends log lines to standard error.

    Args:
        verbose: what the libraries log and warn of, too.
        quiet: warnings and errors alone.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_PublicFormatter("%(asctime)s  %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING if quiet else logging.INFO, force=True)
    if not verbose:
        # What a library logs and then raises would be said twice, once with a traceback.
        ours = tuple(str(Path(package.__path__[0])) + os.sep for package in (schemas, filters, pipelines))
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it has a handler of its own
        handler.addFilter(lambda record: record.pathname.startswith(ours))
        warnings.filterwarnings("ignore")
