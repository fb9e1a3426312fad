"""Runs a function of the tests in a process in which packages that only the test extra brings cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

TEST_EXTRA_ALONE = ("pandas", "datasets", "webdataset", "mlcroissant", "embedding_reader", "hypothesis")
_ROOT = Path(__file__).parents[2]
_CHILD = """
import importlib, importlib.machinery, sys

class Without(importlib.machinery.PathFinder):
    # Not there, as where they are not installed: whoever asks `find_spec` gets None, an import is an ImportError.
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {packages!r} else super().find_spec(name, path, target)

sys.meta_path[:] = [Without if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
function = importlib.import_module({module!r})
for name in {names!r}:
    function = getattr(function, name)
function(*{arguments!r})
"""


def run_without(function: Callable[..., None], *arguments: object, packages: tuple[str, ...] = TEST_EXTRA_ALONE) -> str:
    """Calls an importable function without the packages; returns what it printed, and fails with what it raised.

    Args:
        function: of a module that needs none of the packages itself.
        arguments: whose `repr` is Python that says the same.
        packages: top-level names of modules.
    """
    code = _CHILD.format(
        packages=packages, module=function.__module__, names=function.__qualname__.split("."), arguments=arguments
    )
    child = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    return child.stdout
