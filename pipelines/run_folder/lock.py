"""One run at a time in a run folder, on any file system, by a lock that no killed run leaves behind.

On a local file system the operating system holds the lock (flock) and lets go of it when the process dies. Elsewhere,
and where there is no flock, a lease does: `running.json`, which the run that has it writes anew every few seconds. One
that stands still belongs to a run that was killed, and is taken over. No two machines' clocks are compared.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import RunFolderError

LEASE = "running.json"
_LOCK = ".babelsift-lock"
_REMEDY = "wait for it or stop it, or choose another --output"


@dataclass
class RunLock:
    """Keeps other runs out of a run folder; a context manager.

    Attributes:
        beat_s: seconds from one heartbeat to the next. patience_beats: so many beats without one, and the holder is
            taken to be dead. wait: sleeps so many seconds.
    """

    folder: RunFolder
    beat_s: float = 10.0
    patience_beats: int = 6
    wait: Callable[[float], object] = time.sleep
    _since: str = field(default_factory=lambda: _now(), init=False)
    _token: str = field(default_factory=lambda: uuid.uuid4().hex, init=False)
    _beats: int = field(default=0, init=False)
    _lost_to: dict[str, Any] | None = field(default=None, init=False)
    _released: threading.Event = field(default_factory=threading.Event, init=False)

    def __enter__(self) -> RunLock:
        """Takes the lock.

        Raises: RunFolderError: another run holds it, which the message names.
        """
        with ExitStack() as stack:
            if not (self.folder.is_local and self._take_flock(stack)):
                self._take_lease()
            self._beat()
            self._beating = threading.Thread(target=self._beat_until_released, name="heartbeat", daemon=True)
            self._beating.start()
            stack.callback(self._let_go)
            self._held = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Lets go of the lock.

        Raises: RunFolderError: another run took it meanwhile.
        """
        self._held.close()
        if self._lost_to and kind is None:
            raise RunFolderError(
                f"{self.folder.url}: {_who(self._lost_to)} took the folder over while this run stood still; "
                f"run again when it is finished"
            )

    def _take_flock(self, stack: ExitStack) -> bool:
        """Whether the file system has locks; holds one then."""
        path = self.folder.path(_LOCK)
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise RunFolderError(f"cannot lock {path}: {error}; mend its permissions, or remove it") from error
        stack.callback(os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise self._refusal(read_lease(self.folder)) from error
        except OSError as error:
            logging.info("run folder: no locks on this file system (%s); holding it by heartbeats", error)
            return False
        left = read_lease(self.folder)
        if left is not None:
            logging.info("run folder: %s was killed; going on where it stopped", _who(left))
        return True

    def _take_lease(self) -> None:
        found = read_lease(self.folder)
        if found is not None:
            self._watch_until_dead(found)
            self.folder.write(LEASE, self._lease())
        elif not self.folder.store.put_if_absent(LEASE, self._lease()):
            raise self._refusal(read_lease(self.folder))
        # Of several that saw no holder, or the same dead one, the last to write has the lease.
        self.wait(self.beat_s / 5)
        holder = read_lease(self.folder)
        if holder is None or holder.get("token") != self._token:
            raise self._refusal(holder)

    def _watch_until_dead(self, found: dict[str, Any]) -> None:
        """Returns when the holder of a lease is dead, or seems so.

        Raises: RunFolderError: it is alive.
        """
        if not _is_dead_here(found):
            for beat in range(self.patience_beats):
                if beat == 0:
                    seconds = self.beat_s * self.patience_beats
                    logging.info("run folder: %s works here; %.0f s to see whether it lives", _who(found), seconds)
                self.wait(self.beat_s)
                now = read_lease(self.folder)
                if now is not None and now != found:
                    raise self._refusal(now)
                if now is None:
                    break
        logging.info("run folder: %s was killed; going on where it stopped", _who(found))

    def _beat_until_released(self) -> None:
        while not self._released.wait(self.beat_s):
            try:
                holder = read_lease(self.folder)
                if holder is not None and holder.get("token") != self._token:
                    self._lost_to = holder
                    logging.error("run folder: %s took it over; this run will fail", _who(holder))
                    return
                self._beat()
            except (OSError, RunFolderError) as error:
                logging.warning("run folder: no heartbeat: %s", error)

    def _beat(self) -> None:
        self.folder.write(LEASE, self._lease())
        self._beats += 1

    def _lease(self) -> bytes:
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "token": self._token, "beats": self._beats}
        return json.dumps(holder | {"since": self._since, "at": _now()}).encode()

    def _let_go(self) -> None:
        self._released.set()
        self._beating.join()
        if self._lost_to is None:
            with contextlib.suppress(OSError):  # a folder that is gone, or read-only by now, holds no one up
                self.folder.remove(LEASE)

    def _refusal(self, holder: dict[str, Any] | None) -> RunFolderError:
        return RunFolderError(f"{self.folder.url}: {_who(holder)} works in this folder; {_REMEDY}")


def read_lease(folder: RunFolder) -> dict[str, Any] | None:
    """Returns who works in a run folder, or was killed there: host, pid, since, at (the last heartbeat); else None."""
    try:
        content = folder.read_json(LEASE)
    except RunFolderError:
        return {}  # written by no one of us, or by a disk that broke off: someone without a name
    return content if content is None or isinstance(content, dict) else {}


def _who(holder: dict[str, Any] | None) -> str:
    if not holder or "host" not in holder:
        return "another run"
    return f"another run (host {holder['host']}, process {holder.get('pid')}, since {holder.get('since')})"


def _is_dead_here(holder: dict[str, Any]) -> bool:
    """Whether the holder ran on this machine and is certainly gone."""
    pid = holder.get("pid")
    if holder.get("host") != socket.gethostname() or not isinstance(pid, int):
        return False
    if pid == os.getpid():
        return False  # another thread of ours, perhaps
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
