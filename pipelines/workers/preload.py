"""What a worker pool imports before its first fork: all that a stage may want, so that no worker pays for it."""

from __future__ import annotations

import importlib
import importlib.util

# The stages; Beam's worker; what stages import once they run, where it is installed.
_NEEDED = ("babelsift.pipelines.job.curate", "apache_beam.runners.worker.sdk_worker_main")
_WHERE_INSTALLED = ("torch", "open_clip", "simplejpeg", "faiss", "s3fs", "gcsfs", "tldextract", "re2", "fasttext")


def preload() -> None:
    """Imports them; starts no thread and opens no connection."""
    for name in _NEEDED:
        importlib.import_module(name)
    for name in _WHERE_INSTALLED:
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)
