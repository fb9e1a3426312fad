"""The `>>>` examples in docstrings print what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

from tools.lint.package_links import package_files
from tools.lint.tracked_files import tracked_files

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    module: path
    for path, module in package_files(tracked_files(ROOT)).items()
    if ">>> " in (ROOT / (path if (ROOT / path).exists() else path.removeprefix("babelsift/"))).read_text("utf-8")
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_print_what_they_say(name):
    """By the module's installed name: pytest's own doctests would import it under another."""
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS, report=True)
    assert results.attempted
    assert not results.failed
