"""Beam, which looks at the same methods anew tens of thousands of times a pipeline; here it looks once.

That is more than a third of what a small run costs, and nothing that a test is about.
"""

from __future__ import annotations

import contextlib
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from apache_beam.transforms import core, userstate

_Signature = tuple[list[str], list[Any]]
_signatures: dict[tuple[Any, bool], _Signature] = {}
_specs_of_classes: dict[type, Any] = {}
_specs_of_functions: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_signature_of, _specs_of = core.get_function_args_defaults, userstate.get_dofn_specs


def _signature_once(function: Callable[..., Any]) -> _Signature:
    is_method = isinstance(function, types.MethodType)
    key = (function.__func__ if is_method else function, is_method)
    try:
        signature = _signatures.get(key)
    except TypeError:  # not hashable
        return _signature_of(function)
    if signature is None:
        signature = _signatures[key] = _signature_of(function)
    names, defaults = signature
    return list(names), list(defaults)


def _specs_once(dofn: core.DoFn) -> Any:
    """Of a class, or of the one object where that wraps a function."""
    known, key = (_specs_of_classes, type(dofn))
    if isinstance(dofn, core.CallableWrapperDoFn):
        known, key = _specs_of_functions, dofn
    if key not in known:
        known[key] = _specs_of(dofn)
    states, timers = known[key]
    return set(states), set(timers)


@contextlib.contextmanager
def quick_beam() -> Iterator[None]:
    """Has Beam remember signatures and specs while the context lasts."""
    with (
        mock.patch.object(core, "get_function_args_defaults", _signature_once),
        mock.patch.object(userstate, "get_dofn_specs", _specs_once),
    ):
        yield
