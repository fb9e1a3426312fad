"""The browser that tools and tests drive: Debian's chromium, or another build of it."""

from __future__ import annotations

import shutil

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """Returns the path of the machine's browser; None where there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)
