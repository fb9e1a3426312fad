"""The process in which img2dataset runs, and the module that its own processes import; they all end with their parent.

This module imports neither Beam nor Arrow: each of img2dataset's processes would import them, too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from babelsift.pipelines.processes.child import end_soon_after_parent, end_with_parent


def download(options: Mapping[str, Any]) -> None:
    """Calls img2dataset's `download`; what it does at an interrupt lasts as long as the call."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for a newer version
    from img2dataset import download as download_by_img2dataset

    before = signal.getsignal(signal.SIGINT)
    try:
        download_by_img2dataset(**options)
    finally:
        signal.signal(signal.SIGINT, before)


def _main() -> None:
    end_with_parent(int(sys.argv[3]))
    download(json.load(sys.stdin))


if __name__ == "__main__":
    _main()
elif __name__ == "__mp_main__":  # one of img2dataset's processes
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    end_soon_after_parent(os.getppid())
