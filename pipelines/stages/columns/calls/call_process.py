"""A process that calls functions of the user's own: it may print, hang or die, and the worker goes on.

It is asked by messages (`processes.messages`): WHICH with what to import, answered by WHICH with a description; SETUP,
answered by DONE; CALL with a batch, answered by DONE with Arrow IPC, or WRONG
where what was returned is no column; or, in each case, by FAILED and a line.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from babelsift.filters.columns.maker import as_columns
from babelsift.pipelines.processes.messages import receive_message, send_message
from babelsift.schemas import one_line

WHICH, SETUP, CALL, DONE, FAILED, WRONG = b"W", b"S", b"C", b"D", b"F", b"X"
_FIRST_TO_GO = 500  # of 1000; what the user's code is given counts more than what the worker has
_OURS = (__file__, importlib.__file__)


@dataclass(frozen=True)
class CallSettings:
    """What is called, and how.

    Attributes:
        call: `module:function`. setup: the same; None: there is none.
        options: keyword arguments: of `setup` where there is one, else of `call`.
        fields: what it gives.
    """

    call: str
    setup: str | None
    options: Mapping[str, Any]
    fields: tuple[pa.Field, ...]


def serve(control_fd: int) -> None:
    """Answers by the one socket that is handed over, until that is closed.

    Args:
        control_fd: of the control socket.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches whoever asks, too, and their end is seen
    os.dup2(2, 1)  # what a function prints is no answer of the command's
    with contextlib.suppress(OSError):  # where memory runs out, this ends, and not the worker
        Path("/proc/self/oom_score_adj").write_text(str(_FIRST_TO_GO))
    sys.path.append(os.getcwd())
    control = socket.socket(fileno=control_fd)
    _, fds, _, _ = socket.recv_fds(control, 1, 1)
    if not fds:
        return
    channel, calls, own = socket.socket(fileno=fds[0]), _Calls(), os.getpid()
    while (message := receive_message(channel)) is not None:
        kind, content, body = message
        try:
            answer = calls.answer(kind, content, body)
        except Exception as error:  # noqa: BLE001 (functions of the user's raise anything)
            answer = FAILED, _line_of(error), b""
        if os.getpid() != own:
            os._exit(1)  # a fork that the function has left behind: its answer would be taken for the next call's
        try:
            send_message(channel, *answer)
        except BrokenPipeError:
            return


@dataclass
class _Calls:
    settings: CallSettings | None = None
    function: Callable[..., Any] | None = None
    state: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def answer(self, kind: bytes, content: Any, body: bytes) -> tuple[bytes, Any, bytes]:
        if kind == WHICH:
            self.settings = content
            self.function = _named(content.call)
            return WHICH, {"version": _version(content)}, b""
        settings, function = self.settings, self.function
        assert settings is not None
        assert function is not None
        if kind == SETUP:
            self.options = settings.options
            if settings.setup is not None:
                self.state, self.options = (_named(settings.setup)(**settings.options),), {}
            return DONE, None, b""
        things = _things(content, body)
        rows = len(things[0])
        returned = function(*self.state, *things, **self.options)
        try:
            made = as_columns(returned, settings.fields, rows)
        except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:
            return WRONG, f"{type(returned).__name__}: {one_line(error)}", b""
        return DONE, None, made_bytes(made)


def made_bytes(batch: pa.RecordBatch) -> bytes:
    """Returns a batch as Arrow IPC, without what a slice was cut from."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def batch_of(body: bytes) -> pa.RecordBatch:
    """Returns the batch that `made_bytes` wrote."""
    with pa.ipc.open_stream(body) as reader:
        return reader.read_next_batch()


def _line_of(error: Exception) -> str:
    """What was raised, and where in the user's code; without a place where none of it is the user's."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [one for one in frames if one.filename not in _OURS and not one.filename.startswith("<frozen ")]
    where = f" ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else ""
    try:
        message = one_line(error) or "no message"
    except Exception:  # noqa: BLE001 (an error of the user's own may not say what it is)
        message = "its message cannot be shown"
    return f"{type(error).__name__}: {message}{where}"


def _things(content: Any, body: bytes) -> tuple[Any, ...]:
    """The arguments of a call: those that are Arrow's come as IPC, in place of None."""
    arguments, are_rows = content
    if not body:
        return tuple(arguments)
    batch = batch_of(body)
    columns = iter([batch] if are_rows else batch.columns)
    return tuple(next(columns) if one is None else one for one in arguments)


def _named(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in function.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise AttributeError(f"module {module!r} has no function {function!r}")
    return found


def _version(settings: CallSettings) -> str:
    """What tells this version of a function from another: what it declares, else a digest of its module."""
    names = [settings.call] if settings.setup is None else [settings.call, settings.setup]
    return ", ".join(dict.fromkeys(map(_version_of, names)))


def _version_of(name: str) -> str:
    function, module = _named(name), importlib.import_module(name.partition(":")[0])
    declared = getattr(function, "version", None) or getattr(module, "__version__", None)
    return f"version {declared}" if isinstance(declared, str | int) else f"sha256 {_digest(module)}"


def _digest(module: ModuleType) -> str:
    """The digest of a module's file; of one in a package, of all modules of the package, which it may call."""
    package = sys.modules[module.__name__.partition(".")[0]]
    file = Path(inspect.getfile(package if getattr(package, "__file__", None) else module))
    files = sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(file.parent)}\0".encode() + path.read_bytes())
    return digest.hexdigest()
