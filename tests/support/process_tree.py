"""Which processes there are, as Linux says it."""

from __future__ import annotations

from pathlib import Path


def parent_of(process: int) -> int:
    """The parent of a process that there is."""
    return int(_status(process)[1])


def state_of(process: int) -> str:
    """R, S, T for stopped, Z for a zombie ...; nothing where there is no such process."""
    try:
        return _status(process)[0]
    except OSError:
        return ""


def children_of(process: int, *, running: str = "") -> list[int]:
    """A process's children, all of them or those whose command line has a word."""
    return [child for child in _all() if _is_child(child, process) and running in _command(child)]


def _is_child(child: int, process: int) -> bool:
    try:
        return parent_of(child) == process
    except OSError:
        return False


def _all() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""


def _status(process: int) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
