"""When each host may be asked next by any process of this machine and user: a table in a file that all of them open.

A host of one domain is one worker's; but a redirect leads to a host from anywhere, folders of before are parted by uid,
and several runs may ask one host at once. The clock is the machine's, from its start on, which the file's name tells.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import struct
import tempfile
import time
from functools import lru_cache
from pathlib import Path

_HOSTS = 2**20  # places of the table; two hosts that share one wait for each other
_TIME = struct.Struct("<d")


class MachineTurns:
    """The table; each use of it takes microseconds, in which others wait.

    Args:
        path: of its file, which is made where it is not there.

    Raises:
        OSError: it cannot be opened, or is another user's.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if os.fstat(self._descriptor).st_uid != os.getuid():
            os.close(self._descriptor)
            raise PermissionError(f"{path} is another user's")

    def take(self, host: str, apart_s: float) -> float:
        """Takes the host's turn where it has come, and returns 0; else returns the seconds until it comes.

        Args:
            host: a host's name.
            apart_s: seconds from this turn to the next one.
        """
        place = int.from_bytes(hashlib.blake2b(host.encode(), digest_size=8).digest(), "little") % _HOSTS * _TIME.size
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            now, content = time.monotonic(), os.pread(self._descriptor, _TIME.size, place)
            due = _TIME.unpack(content)[0] if len(content) == _TIME.size else 0.0
            if due > now:
                return due - now
            os.pwrite(self._descriptor, _TIME.pack(now + apart_s), place)
            return 0.0
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)


@lru_cache(maxsize=1)
def machine_turns() -> MachineTurns | None:
    """Returns the table of this machine and user, opened once a process; None where there can be none."""
    path = Path(tempfile.gettempdir(), f"babelsift-turns-{os.getuid()}-{_machine_start()}")
    try:
        return MachineTurns(path)
    except OSError as error:
        logging.warning("download: %s: hosts are asked at their pace by each process alone", error)
        return None


os.register_at_fork(after_in_child=machine_turns.cache_clear)  # a lock is of an opened file, which a fork shares


def _machine_start() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
    return "0"
