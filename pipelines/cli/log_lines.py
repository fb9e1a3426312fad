"""Progress on standard error: our own steps' lines, and the libraries' only where they are asked for."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from babelsift import filters, pipelines, schemas
from babelsift.schemas import public_text


class _CurrentStderr(logging.StreamHandler):
    """Writes to what standard error is at the time: a live display puts itself in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        """Standard error."""
        return sys.stderr


class _JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON, without credentials in URLs; the facts of progress beside its text."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "message": public_text(super().format(record))}
        if (progress := getattr(record, "progress", None)) is not None:
            line["progress"] = progress
        return json.dumps(line, ensure_ascii=False)


class _PublicFormatter(logging.Formatter):
    """Formats without credentials in URLs."""

    def format(self, record: logging.LogRecord) -> str:
        return public_text(super().format(record))


def show_log_lines(*, verbose: bool, quiet: bool = False, as_json: bool = False) -> None:
    """Sends log lines to standard error.

    Args:
        verbose: what the libraries log and warn of, too.
        quiet: warnings and errors alone.
        as_json: a JSON object a line.
    """
    handler = _CurrentStderr()
    text = _PublicFormatter("%(asctime)s  %(message)s", datefmt="%H:%M:%S")
    handler.setFormatter(_JsonFormatter() if as_json else text)
    logging.basicConfig(handlers=[handler], level=logging.WARNING if quiet else logging.INFO, force=True)
    if not verbose:
        # What a library logs and then raises would be said twice, once with a traceback.
        ours = tuple(str(Path(package.__path__[0])) + os.sep for package in (schemas, filters, pipelines))
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it has a handler of its own
        handler.addFilter(lambda record: record.pathname.startswith(ours))
        warnings.filterwarnings("ignore")
