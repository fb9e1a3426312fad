"""Builds the wheel and the sdist, and installs the wheel with `[clip]` alone, once in a test run."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import uuid
from pathlib import Path

import pytest

from tests.support.installation import Installation, copy_sources, run_uv

_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex


def pytest_collection_modifyitems(items):
    """Keeps these tests on one worker: they share an installation, and what it compiles on its first run."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("installed"))


@pytest.fixture(scope="session")
def installation() -> Installation:
    """An environment beside the one that runs the tests, made anew for each run of them."""
    home = Path(sys.prefix) / "installed"
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two runs at once, and of two workers of one, the second waits
        made_by = home / "made_by"
        if not made_by.exists() or made_by.read_text() != _RUN:
            made_by.unlink(missing_ok=True)
            _install(home)
            made_by.write_text(_RUN)
    [wheel] = (home / "dist").glob("*.whl")
    [sdist] = (home / "dist").glob("*.tar.gz")
    return Installation(home=home / "environment", sources=home / "sources", wheel=wheel, sdist=sdist)


def _install(home: Path) -> None:
    for name in ("sources", "dist", "environment"):
        shutil.rmtree(home / name, ignore_errors=True)
    copy_sources(home / "sources")
    run_uv("build", "--quiet", "--out-dir", home / "dist", home / "sources")
    [wheel] = (home / "dist").glob("*.whl")
    run_uv("venv", "--quiet", "--python", sys.executable, home / "environment")
    python = home / "environment" / "bin" / "python"
    run_uv("pip", "install", "--quiet", "--python", python, f"{wheel}[clip]")
