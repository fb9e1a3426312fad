"""Keeps tests on one of pytest-xdist's workers that share what is dear to make: else each worker makes it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest


def keep_together(items: Iterable[pytest.Item], folder: Path) -> None:
    """Gives all tests of a folder to one worker. xdist reads marks in a hook, so call it from one that comes first.

    Args:
        items: as collected.
        folder: that the tests lie in; its name is the group's.
    """
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(folder.name))
