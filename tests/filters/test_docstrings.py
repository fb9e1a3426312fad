"""Examples in docstrings run, every public filter has one, and every argument stands on a line of its own."""

import doctest
import importlib
import inspect
import pkgutil
import re

import pytest

import babelsift.filters
import babelsift.schemas

MODULES = sorted(
    module.name
    for package in (babelsift.filters, babelsift.schemas)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
)
ROOMS = [name for name in MODULES if hasattr(importlib.import_module(name), "__path__")]
# What a filter takes: an Arrow array, of whatever values.
ARROW = re.compile(r"\bpa\.\w*Array\b")


def takes_arrow(function):
    return any(ARROW.search(str(one.annotation)) for one in inspect.signature(function).parameters.values())


PUBLIC_FILTERS = sorted(
    {
        (function.__module__, name)
        for room in ROOMS
        for name in importlib.import_module(room).__all__
        if inspect.isfunction(function := getattr(importlib.import_module(room), name)) and takes_arrow(function)
    }
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name):
    module = importlib.import_module(name)
    outcome = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert outcome.failed == 0


@pytest.mark.parametrize(("module", "name"), PUBLIC_FILTERS)
def test_a_public_filter_has_an_example(module, name):
    assert ">>> " in (getattr(importlib.import_module(module), name).__doc__ or "")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_is_in_it_and_names_what_it_gives(room):
    module = importlib.import_module(room)
    assert len(module.__doc__ or "") > 40
    assert module.__all__
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


PUBLIC_FUNCTIONS = sorted(
    {
        (function.__module__, function.__name__)
        for room in ROOMS
        for name in importlib.import_module(room).__all__
        if inspect.isfunction(function := getattr(importlib.import_module(room), name))
    }
)


@pytest.mark.parametrize(("module", "name"), PUBLIC_FUNCTIONS)
def test_a_public_function_says_what_it_takes_and_returns(module, name):
    function = getattr(importlib.import_module(module), name)
    text = inspect.getdoc(function)
    entries = re.search(r"^Args:\n((?: {4}.*\n?)+)", text, re.MULTILINE)
    names = re.findall(r"^ {4}([\w*, ]+):", entries[1], re.MULTILINE) if entries else []
    described = [part.strip(" *") for line in names for part in line.split(",")]
    assert sorted(described) == sorted(inspect.signature(function).parameters)
    returned = inspect.signature(function).return_annotation
    assert returned in (None, "None") or text.startswith("Returns ") or "\nReturns:\n    " in text
