"""A disk that fails: counts what this process does to the files below a folder, and lets one operation fail.

It stands between Python and the operating system, so that whatever opens, reads, writes, flushes, names, lists or
removes a file there is met, whichever library does it.
"""

from __future__ import annotations

import builtins
import contextlib
import inspect
import io
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = str(Path(__file__).resolve().parents[2])
_TEMPORARY = re.compile(r"\.writing-[0-9a-f]{32}-")


@dataclass(frozen=True)
class Operation:
    """One operation of a run, told from its others by what it does to which file, and for which time.

    Attributes:
        name: open, read, write, close, fsync, replace, unlink, link, makedirs, mkdir, rmdir, scandir or stat.
        path: below the folder; temporary names are as those of every run.
        time: how often that was done to the file before.
        site: the line of ours that asked for it.
    """

    name: str
    path: str
    time: int
    site: str = field(compare=False, default="")


@dataclass
class FaultyDisk:
    """Watches the files below a folder.

    Attributes:
        root: the folder.
        done: the operations so far.
        fault: the operation that fails, and with which errno; None: none does.
        lasting: whether all operations after it fail, too, that would write.
        met: whether it came to it.
    """

    root: str
    fault: tuple[Operation, int] | None = None
    lasting: bool = False
    done: list[Operation] = field(default_factory=list)
    met: bool = False
    _times: dict[tuple[str, str], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _within: threading.local = field(default_factory=threading.local)

    def covers(self, path: Any) -> bool:
        """Whether a path is below the folder."""
        if not isinstance(path, (str, os.PathLike)):
            return False
        full = os.path.abspath(os.fspath(path))
        return full == self.root or full.startswith(self.root + os.sep)

    def pass_or_fail(self, name: str, path: Any) -> None:
        """Counts an operation.

        Raises:
            OSError: it is the one that fails.
        """
        below = _TEMPORARY.sub(".writing-", os.path.relpath(os.path.abspath(os.fspath(path)), self.root))
        with self._lock:
            time = self._times.get((name, below), 0)
            self._times[name, below] = time + 1
            operation = Operation(name, below, time, _site())
            self.done.append(operation)
            if self.fault is None:
                return
            failing, code = self.fault
            is_it = operation == failing
            self.met = self.met or is_it
            writes = name in ("write", "fsync", "replace", "link", "makedirs", "mkdir")
            if is_it or (self.met and self.lasting and writes):
                raise OSError(code, f"{os.strerror(code)} (injected)", os.fspath(path))

    @contextlib.contextmanager
    def watching(self) -> Iterator[FaultyDisk]:
        """Stands between this process and its files while the context lasts."""
        with contextlib.ExitStack() as stack:
            for name in (
                "replace",
                "unlink",
                "remove",
                "link",
                "makedirs",
                "mkdir",
                "rmdir",
                "scandir",
                "stat",
                "listdir",
            ):
                stack.enter_context(mock.patch.object(os, name, self._around(name, getattr(os, name))))
            stack.enter_context(mock.patch.object(os, "fsync", self._around_fsync(os.fsync)))
            stack.enter_context(mock.patch.object(os, "open", self._around("open", os.open)))
            opened = self._open
            stack.enter_context(mock.patch.object(builtins, "open", opened))
            stack.enter_context(mock.patch.object(io, "open", opened))
            yield self

    def _around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        name = {"remove": "unlink", "listdir": "scandir"}.get(name, name)

        def call(path: Any = ".", *arguments: Any, **options: Any) -> Any:
            # Of two names the second is the one that it is about.
            about = arguments[0] if name in ("replace", "link") and arguments else path
            if self.covers(about) and not getattr(self._within, "makedirs", False):
                self.pass_or_fail(name, about)
            self._within.makedirs = name == "makedirs"  # which looks for each parent, and counts as one
            try:
                return function(path, *arguments, **options)
            finally:
                self._within.makedirs = False

        return call

    def _around_fsync(self, function: Callable[[int], None]) -> Callable[[int], None]:
        def call(descriptor: int) -> None:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
            if self.covers(path):
                self.pass_or_fail("fsync", path)
            function(descriptor)

        return call

    def _open(self, file: Any, mode: str = "r", buffering: int = -1, *arguments: Any, **options: Any) -> Any:
        if not self.covers(file):
            return _real_open(file, mode, buffering, *arguments, **options)
        self.pass_or_fail("open", file)
        raw = _Raw(self, file, mode.replace("b", "").replace("t", ""))
        if buffering == 0:
            return raw
        buffered = {"r": io.BufferedReader, "+": io.BufferedRandom}.get(mode[-1] if "+" in mode else mode[0])
        binary = (buffered or io.BufferedWriter)(raw)
        if "b" in mode:
            return binary
        encoding, errors, newline = (*arguments, None, None, None)[:3]
        return io.TextIOWrapper(
            binary, options.get("encoding", encoding), options.get("errors", errors), options.get("newline", newline)
        )


_real_open = builtins.open


class _Raw(io.FileIO):
    """A file of a faulty disk, below Python's own buffers."""

    def __init__(self, disk: FaultyDisk, file: Any, mode: str) -> None:
        self._disk = disk
        self._path = os.fspath(file)
        self._is_open = False
        super().__init__(file, mode)
        self._is_open = True

    def readinto(self, buffer: Any) -> int | None:
        self._disk.pass_or_fail("read", self._path)
        return super().readinto(buffer)

    def read(self, size: int | None = -1) -> bytes | None:
        self._disk.pass_or_fail("read", self._path)
        return super().read(size)

    def readall(self) -> bytes | None:
        self._disk.pass_or_fail("read", self._path)
        return super().readall()

    def write(self, content: Any) -> int | None:
        self._disk.pass_or_fail("write", self._path)
        return super().write(content)

    def close(self) -> None:
        if self._is_open and self.writable():
            self._is_open = False
            try:
                self._disk.pass_or_fail("close", self._path)
            finally:
                super().close()
        super().close()


def _site() -> str:
    """The innermost line of the repository's own, tests excepted, that the call comes from."""
    frame = inspect.currentframe()
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(ROOT) and "/tests/" not in name and "/.venv/" not in name:
            return f"{os.path.relpath(name, ROOT)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
