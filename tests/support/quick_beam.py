"""Beam, which looks at each method's signature anew some 40,000 times a pipeline; here it looks once.

That is a third of what a small run costs, and nothing that a test is about.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from apache_beam.transforms import core

_Signature = tuple[list[str], list[Any]]
_known: dict[tuple[Any, bool], _Signature] = {}
_inspected = core.get_function_args_defaults


def _once(function: Callable[..., Any]) -> _Signature:
    is_method = isinstance(function, types.MethodType)
    key = (function.__func__ if is_method else function, is_method)
    try:
        signature = _known.get(key)
    except TypeError:  # not hashable
        return _inspected(function)
    if signature is None:
        signature = _known[key] = _inspected(function)
    names, defaults = signature
    return list(names), list(defaults)


@contextlib.contextmanager
def quick_beam() -> Iterator[None]:
    """Has Beam remember signatures while the context lasts."""
    with mock.patch.object(core, "get_function_args_defaults", _once):
        yield
