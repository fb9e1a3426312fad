"""Docstrings of the whole package: examples print what they say, sections stand on lines of their own."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

from tools.lint.package_links import package_files
from tools.lint.tracked_files import tracked_files

ROOT = Path(__file__).resolve().parents[1]
SECTION_WITHIN_A_LINE = re.compile(r"^ *[^#\n]*\b(?:Args|Attributes|Returns|Raises|Yields): \S.*", re.MULTILINE)
SOURCES = [
    ROOT / path
    for path in tracked_files(ROOT)
    if path.endswith(".py") and path.split("/")[0] in ("babelsift", "filters", "pipelines", "schemas")
]
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


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sections_of_docstrings_stand_on_lines_of_their_own(path):
    assert SECTION_WITHIN_A_LINE.findall(path.read_text(encoding="utf-8")) == []
