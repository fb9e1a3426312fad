"""One run at a time in a run folder, on any file system, by a lock that no killed run leaves behind.

On a local file system the operating system holds the lock (flock) and lets go of it when the process dies. Elsewhere,
and where there is no flock, a lease does, which the run has to write anew: see `run_folder.lease`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from babelsift.pipelines.run_folder.fence import checked_by
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.writers.lease import LEASE, Lease, describe, read_lease, refusal
from babelsift.pipelines.storage.clock import seconds_of_this_machine
from babelsift.schemas import RunFolderError, one_line

__all__ = ["LEASE", "RunLock", "read_lease"]

_LOCK = ".babelsift-lock"
_LAST_BEAT_S = 30.0


@dataclass
class RunLock:
    """Keeps other runs out of a run folder; a context manager.

    Attributes:
        beat_s: seconds from one heartbeat to the next.
        patience_beats: so many beats without one, and other runs take the holder to be dead. One less, and the holder
            itself does: a lease that it could not write for so long is lost.
        wait: sleeps so many seconds.
        clock: seconds since any moment.
        token: what this run is known by, in the lease and in the manifest.
    """

    folder: RunFolder
    beat_s: float = 10.0
    patience_beats: int = 6
    wait: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = seconds_of_this_machine
    token: str = field(default_factory=lambda: uuid.uuid4().hex, init=False)
    _has_flock: bool = field(default=False, init=False)
    _last_beat: float = field(default=0.0, init=False)
    _why_lost: str | None = field(default=None, init=False)
    _released: threading.Event = field(default_factory=threading.Event, init=False)

    def __enter__(self) -> RunLock:
        """Takes the lock.

        Raises:
            RunFolderError: another run holds it, which the message names.
        """
        self._lease = Lease(self.folder, self.token)
        with ExitStack() as stack:
            self._has_flock = self.folder.is_local and self._take_flock(stack)
            self._last_beat = self.clock()
            if self._has_flock or not self._lease.take(
                beat_s=self.beat_s, patience_beats=self.patience_beats, wait=self.wait
            ):
                self._beat()
            stack.enter_context(checked_by(self.token, self.check))
            self._beating = threading.Thread(target=self._beat_until_released, name="heartbeat", daemon=True)
            self._beating.start()
            stack.callback(self._let_go)
            self._held = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Lets go of the lock.

        Raises:
            RunFolderError: it was lost meanwhile.
        """
        with self._held:
            if kind is None:
                self.check()

    def check(self) -> None:
        """Returns where this run still holds the lock.

        Raises:
            RunFolderError: another run took it, or may have: the last heartbeat is too long ago.
        """
        seconds = self.clock() - self._last_beat
        if self._why_lost is None and not self._has_flock and seconds > self.beat_s * (self.patience_beats - 1):
            self._lose(f"this run could not show for {seconds:.0f} s that it lives, so another may have begun here")
        if self._why_lost is not None:
            raise RunFolderError(f"{self.folder.url}: {self._why_lost}; run again when no other run works here")

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
            raise refusal(self.folder, read_lease(self.folder)) from error
        except OSError as error:
            logging.info("run folder: no locks on this file system (%s); holding it by heartbeats", error)
            return False
        left = read_lease(self.folder)
        if left is not None:
            logging.info("run folder: %s was killed; going on where it stopped", describe(left))
        return True

    def _beat_until_released(self) -> None:
        pause_s = self.beat_s
        while not self._released.wait(pause_s):
            try:
                self.check()  # a late beat would only deceive a run that is about to take over
                holder = read_lease(self.folder)
                if holder is not None and not self._lease.is_own(holder):
                    self._lose(f"{describe(holder)} took the folder over while this run stood still")
                    return
                self._beat()
                pause_s = self.beat_s
            except Exception as error:  # noqa: BLE001 whatever it is, the next beat may succeed
                if self._why_lost is not None:
                    return
                logging.warning("run folder: no heartbeat: %s", one_line(error))
                pause_s = self.beat_s / 4

    def _beat(self) -> None:
        begun = self.clock()
        self._lease.beat()
        self._last_beat = begun

    def _lose(self, why: str) -> None:
        self._why_lost = why
        logging.error("run folder: %s; this run will fail", why)

    def _let_go(self) -> None:
        self._released.set()
        # A beat under way would write the lease anew; a store that does not answer holds no one up for ever.
        self._beating.join(max(self.beat_s, _LAST_BEAT_S))
        self._lease.release()
