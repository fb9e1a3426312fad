"""Columns by functions of the user's own (`by: call`): asks the process that calls them, and waits for none too long.

An exception costs the rows that raise it, which are then asked for one by one, or the run. A process that dies of a row
costs that row in the same way. A call that does not end, and an answer that is no column, end the run.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from babelsift.filters.columns.maker import ERROR, TYPES, fingerprint_of
from babelsift.pipelines.processes import RunningServer
from babelsift.pipelines.processes.channel import bound_waiting
from babelsift.pipelines.processes.messages import receive_message, send_message
from babelsift.pipelines.stages.columns.calls.call_process import (
    CALL,
    FAILED,
    SETUP,
    WHICH,
    WRONG,
    CallSettings,
    batch_of,
    made_bytes,
)
from babelsift.schemas import ModelError, one_line
from babelsift.schemas.recipe import Column

_MODULE = "babelsift.pipelines.stages.columns.calls.call_process"
_IMPORT_S = 300.0  # for a module and all that it imports, from a cold disk too
_SENT_AHEAD_BYTES = 2**22
_DEATHS = 5  # of processes that a maker forgives


class _DiedError(Exception):
    """The process has died."""


def given_fields(column: Column) -> tuple[pa.Field, ...]:
    """Returns what a column says that its function gives, each by its own name; one column has none."""
    return tuple(pa.field(name, TYPES[kind]) for name, kind in _gives(column).items())


def _gives(column: Column) -> dict[str, str]:
    return dict(column.gives) if isinstance(column.gives, Mapping) else {"": column.gives}


class CallMaker:
    """A function of the user's own as a column's maker; see `ColumnMaker`.

    Args:
        column: with `call`, and the settings that go with it.
        call: `module:function`, where it is not the column's own `call`: what an installed package brings.

    Raises:
        ModelError: there is no such function, or its module cannot be imported.
    """

    def __init__(self, column: Column, call: str | None = None) -> None:
        self._column, self._call = column, call or str(column.call)
        self.fields = given_fields(column)
        self.takes_pixels = column.takes == "pixels"
        self._settings = CallSettings(self._call, column.setup, column.options, self.fields)
        self._channel: socket.socket | None = None
        self._server: RunningServer | None = None
        self._is_ready, self._deaths = False, 0
        self._start()
        self.info: Mapping[str, Any] = {
            "kind": "call",
            "call": self._call,
            "setup": column.setup,
            "options": dict(column.options),
            "gives": _gives(column),
            "takes": column.takes,
            **({"vectors": column.vectors} if column.of == "embedding" else {}),
            "version": self._version,
        }
        self.fingerprint = fingerprint_of(self.info)

    def load(self) -> None:
        """Runs `setup`, once a process.

        Raises:
            ModelError: it raises, does not end, or takes its process with it.
        """
        if self._is_ready:
            return
        if self._channel is None:
            self._start()
        try:
            kind, said, _ = self._asked(SETUP, None, what=f"setup {self._column.setup}")
        except _DiedError as death:
            raise self._failed(f"setup: {death}") from death
        if kind == FAILED:
            raise self._failed(f"setup {self._column.setup} raises {said}")
        self._is_ready = True

    def make(self, *things: Any) -> pa.RecordBatch:
        """See `ColumnMaker`; calls are of `batch_size` things at most."""
        rows, most = len(things[0]), self._column.batch_size
        parts = [self._part([_cut(one, start, most) for one in things]) for start in range(0, rows, most)]
        return pa.Table.from_batches(parts).combine_chunks().to_batches()[0]

    def close(self) -> None:
        """Ends the process."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._server is not None:
            self._server.end()
            self._server = None
        self._is_ready = False

    def _part(self, things: list[Any]) -> pa.RecordBatch:
        made = self._called(things)
        if isinstance(made, pa.RecordBatch):
            return made
        if self._column.on_error == "stop":
            raise self._failed(f"raises {made}; mend it, or let the column say `on_error: skip`")
        if len(things[0]) == 1:
            return self._nothing(made)
        alone = ([_cut(one, row, 1) for one in things] for row in range(len(things[0])))
        answers = [self._called(one) for one in alone]
        parts = [one if isinstance(one, pa.RecordBatch) else self._nothing(one) for one in answers]
        return pa.Table.from_batches(parts).combine_chunks().to_batches()[0]

    def _called(self, things: list[Any]) -> pa.RecordBatch | str:
        """What the function makes of things; a line where it raises."""
        self.load()
        arguments, body, are_rows = _sent(things)
        try:
            kind, said, answer = self._asked(CALL, (arguments, are_rows), body, what=f"a call of {len(things[0])}")
        except _DiedError as death:
            self._deaths += 1
            if self._deaths > _DEATHS:
                raise self._failed(f"its process has died {self._deaths} times; the last time {death}") from death
            return f"the process has died: {death}"
        if kind == WRONG:
            raise self._failed(f"returned no column of {len(things[0])} values: {said}; see `gives`")
        return str(said) if kind == FAILED else batch_of(answer)

    def _nothing(self, why: str) -> pa.RecordBatch:
        schema = pa.schema([*self.fields, pa.field(ERROR, pa.string())])
        arrays = [pa.nulls(1, one.type) for one in self.fields]
        return pa.RecordBatch.from_arrays([*arrays, pa.array([why], pa.string())], schema=schema)

    def _start(self) -> None:
        self._channel, theirs = socket.socketpair()
        for end in (self._channel, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_AHEAD_BYTES)
        with theirs:
            self._server = RunningServer(_MODULE, "serve")
            self._server.hand_over([theirs.fileno()])
        bound_waiting(self._channel, _IMPORT_S)
        try:
            kind, said, _ = self._asked(WHICH, self._settings, what="the import")
        except _DiedError as death:
            raise self._failed(f"cannot be imported: {death}") from death
        if kind == FAILED:
            self.close()
            raise self._failed(
                f"cannot be imported: {said}; mend the name, or install it on every worker, or put it on PYTHONPATH or "
                "where babelsift runs"
            )
        self._version = str(said["version"])
        bound_waiting(self._channel, self._column.timeout_s)

    def _asked(self, kind: bytes, content: object, body: bytes = b"", *, what: str) -> tuple[bytes, Any, bytes]:
        assert self._channel is not None
        assert self._server is not None
        answer = None
        try:
            send_message(self._channel, kind, content, body)
            answer = receive_message(self._channel)
        except BlockingIOError:
            self._server.kill()
            self.close()
            seconds = _IMPORT_S if kind == WHICH else self._column.timeout_s
            raise self._failed(f"{what} has not ended within {seconds:g} s; mend it, or raise timeout_s") from None
        except OSError as error:
            with contextlib.suppress(OSError):
                self._channel.close()
            raise self._died(one_line(error)) from error
        if answer is None:
            raise self._died("it ended by itself")
        return answer

    def _died(self, why: str) -> _DiedError:
        server, self._server = self._server, None
        status = None if server is None else server.exit_code()
        self.close()
        return _DiedError(why if status is None else status)

    def _failed(self, what: str) -> ModelError:
        return ModelError(f"column {self._column.name!r}: {self._call}: {what}")


def _cut(things: Any, start: int, rows: int) -> Any:
    if isinstance(things, pa.Array | pa.RecordBatch):
        return things.slice(start, rows)
    return things[start : start + rows]


def _sent(things: Sequence[Any]) -> tuple[list[Any], bytes, bool]:
    """(arguments without Arrow's, Arrow's as IPC, whether that is a batch of rows)."""
    if isinstance(things[0], pa.RecordBatch):
        return [None], made_bytes(things[0]), True
    arrow = [one for one in things if isinstance(one, pa.Array)]
    plain = [None if isinstance(one, pa.Array) else _compact(one) for one in things]
    if not arrow:
        return plain, b"", False
    return plain, made_bytes(pa.RecordBatch.from_arrays(arrow, names=[str(i) for i in range(len(arrow))])), False


def _compact(things: Any) -> Any:
    return np.ascontiguousarray(things) if isinstance(things, np.ndarray) else list(things)
