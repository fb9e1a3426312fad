"""A file system in memory, `faulty://`, whose operations fail as a test asks for, and whose files need not know ranges."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import fsspec
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

# (operation, path) -> the error to raise, or None; asked before each operation: info, ls, open and read.
_faults: list[Callable[[str, str], BaseException | None]] = []
# Whether files are streams that cannot be sought in.
_streams: list[bool] = []


def _meet_faults(operation: str, path: str) -> None:
    for fault in _faults:
        if (error := fault(operation, path)) is not None:
            raise error


class FaultyFileSystem(MemoryFileSystem):
    """The file system."""

    protocol = "faulty"
    cachable = False
    store: dict[str, MemoryFile] = {}  # noqa: RUF012 (as fsspec has it)
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("faulty://").strip("/")

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        _meet_faults("info", path)
        return super().info(path, **options)

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        _meet_faults("ls", path)
        return super().ls(path, detail=detail, **options)

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **options: Any) -> Any:
        if mode != "rb":
            return super()._open(path, mode, **options)
        _meet_faults("open", path)
        content = self.store[path].getvalue()
        return _Stream(path, content) if _streams and block_size != 0 else _Reader(path, content)


class _Reader(io.BytesIO):
    def __init__(self, path: str, content: bytes) -> None:
        super().__init__(content)
        self._path = path

    def read(self, size: int | None = -1, /) -> bytes:
        _meet_faults("read", self._path)
        return super().read(size)


class _Stream(_Reader):
    def read(self, size: int | None = -1, /) -> bytes:
        raise ValueError("this server knows no ranges")


fsspec.register_implementation("faulty", FaultyFileSystem, clobber=True)


@contextmanager
def faulty_files(files: dict[str, bytes]) -> Iterator[None]:
    """Puts files, {path: content}, on the file system while the context lasts."""
    fs = FaultyFileSystem()
    for path, content in files.items():
        fs.pipe_file(path, content)
    try:
        yield
    finally:
        FaultyFileSystem.store.clear()
        FaultyFileSystem.pseudo_dirs[:] = [""]
        _faults.clear()
        _streams.clear()


def fail(operation: str, error: Callable[[], BaseException], *, times: int = 10**9, after: int = 0) -> list[str]:
    """Has an operation raise an error so many times, after it went well so many times; returns the paths it met."""
    met: list[str] = []
    passed: list[str] = []

    def fault(name: str, path: str) -> BaseException | None:
        if name != operation or len(met) >= times:
            return None
        if len(passed) < after:
            passed.append(path)
            return None
        met.append(path)
        return error()

    _faults.append(fault)
    return met


def recover() -> None:
    """Ends all faults."""
    _faults.clear()


def know_no_ranges() -> None:
    """Has files be streams, as of a server that knows no ranges."""
    _streams.append(True)
