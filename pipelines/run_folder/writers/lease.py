"""The lease of a run folder, `running.json`: who works in it, where no operating system holds a lock.

The run that has it writes it anew every few seconds. One that stands still belongs to a run that was killed, and is
taken over; clocks of two machines are never compared.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.storage.errors import storage_failures
from babelsift.schemas import RunFolderError

LEASE = "running.json"
_REMEDY = "wait for it or stop it, or choose another --output"


@dataclass
class Lease:
    """One run's side of the lease.

    Attributes:
        run: the run's token, by which it knows its own lease.
        beats: how often the lease was written.
    """

    folder: RunFolder
    run: str
    beats: int = field(default=0, init=False)
    _since: str = field(default_factory=lambda: _now(), init=False)

    def take(self, *, beat_s: float, patience_beats: int, wait: Callable[[float], object]) -> bool:
        """Takes the lease: a free one, or a dead run's; returns whether it was written just now.

        Args:
            beat_s: seconds from one beat of the holder to the next.
            patience_beats: so many beats without a change, and the holder counts as dead.
            wait: sleeps so many seconds.

        Raises:
            RunFolderError: a living run holds it, which the message names.
        """
        holder = read_lease(self.folder)
        if holder is not None:
            self._watch_until_dead(holder, beat_s, patience_beats, wait)
            self.beat()
        elif not self.folder.store.put_if_absent(LEASE, self._content()):
            raise refusal(self.folder, read_lease(self.folder))
        elif self.folder.store.lets_one_create(LEASE, self._content()):
            self.beats += 1
            return True
        # Of several that saw no holder, or the same dead one, the last to write has the lease.
        wait(beat_s / 5)
        holder = read_lease(self.folder)
        if holder is None or not self.is_own(holder):
            raise refusal(self.folder, holder)
        return False

    def beat(self) -> None:
        """Writes the lease anew.

        Raises:
            RunFolderError: it cannot be written.
        """
        self.folder.write(LEASE, self._content())
        self.beats += 1

    def is_own(self, holder: dict[str, Any]) -> bool:
        """Whether a lease is this run's."""
        return holder.get("token") == self.run

    def release(self) -> None:
        """Removes the lease, if it is this run's; a folder that is gone, or read-only by now, holds no one up."""
        with contextlib.suppress(OSError, RunFolderError):
            holder = read_lease(self.folder)
            if holder is not None and self.is_own(holder):
                self.folder.remove(LEASE)

    def _watch_until_dead(
        self, seen: dict[str, Any], beat_s: float, patience_beats: int, wait: Callable[[float], object]
    ) -> None:
        """Returns once a holder counts as dead.

        Raises:
            RunFolderError: it is alive.
        """
        if not _is_dead_here(seen):
            seconds = beat_s * patience_beats
            logging.info("run folder: %s works here; %.0f s to see whether it lives", describe(seen), seconds)
            for _ in range(patience_beats):
                wait(beat_s)
                now = read_lease(self.folder)
                if now is None:
                    break
                if now != seen:
                    raise refusal(self.folder, now)
        logging.info("run folder: %s was killed; going on where it stopped", describe(seen))

    def _content(self) -> bytes:
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "machine": _machine(), "token": self.run}
        return json.dumps(holder | {"beats": self.beats, "since": self._since, "at": _now()}).encode()


def read_lease(folder: RunFolder) -> dict[str, Any] | None:
    """Returns who works in a run folder, or was killed there: host, pid, since, at (the last heartbeat); else None.

    Raises:
        RunFolderError: the store does not answer.
    """
    with storage_failures(RunFolderError, f"cannot read {folder.path(LEASE)}"):
        try:
            content = json.loads(folder.store.read(LEASE))
        except FileNotFoundError:
            return None
        except ValueError:
            return {}  # written by none of us, or by a disk that broke off: a run without a name
    return content if isinstance(content, dict) else {}


def describe(holder: dict[str, Any] | None) -> str:
    """Returns the name of the run that holds a lease, for messages."""
    if not holder or "host" not in holder:
        return "another run"
    return f"another run (host {holder['host']}, process {holder.get('pid')}, since {holder.get('since')})"


def refusal(folder: RunFolder, holder: dict[str, Any] | None) -> RunFolderError:
    """Returns the error that a second run ends with."""
    return RunFolderError(f"{folder.url}: {describe(holder)} works in this folder; {_REMEDY}")


def _machine() -> str | None:
    """Returns what processes share that see each other by their ids; None where the system does not say it.

    A host's name is not enough: containers share it, and cannot see each other's processes.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def _is_dead_here(holder: dict[str, Any]) -> bool:
    """Whether a holder's process would be seen from here, and is not there."""
    pid, machine = holder.get("pid"), holder.get("machine")
    if machine is None or machine != _machine() or not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
