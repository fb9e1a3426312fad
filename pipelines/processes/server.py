"""A Python process that serves sockets which are handed over to it: one for all who ask within a process."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence

from babelsift.pipelines.processes.child import start_child

_START = """
import importlib, json, sys
sys.path[:] = json.loads(sys.argv[1])
from babelsift.pipelines.processes import end_with_parent
end_with_parent(int(sys.argv[2]))
getattr(importlib.import_module(sys.argv[4]), sys.argv[5])(int(sys.argv[3]))
"""
_END_S = 5.0


class RunningServer:
    """A server process that has been started.

    Attributes:
        pid: process id.
        was_killed: whether `kill` was called.
    """

    was_killed = False

    def __init__(self, module: str, function: str) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            arguments = [json.dumps(sys.path), str(os.getpid()), str(theirs.fileno()), module, function]
            command = [sys.executable, "-c", _START, *arguments]
            # In a session of its own: Ctrl-C is for this process, which ends it; it comes at any moment of its start.
            self._process = start_child(
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True
            )
        self.pid = self._process.pid

    def hand_over(self, fds: Sequence[int]) -> bool:
        """Sends file descriptors to the process; returns whether it is there to take them."""
        try:
            return socket.send_fds(self._control, [b"."], list(fds)) > 0
        except OSError:  # it has ended
            return False

    def exit_code(self) -> str:
        """Returns how the process ended, whose end of a socket is closed: by which signal, or with which exit code."""
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return "it closed its socket"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def kill(self) -> None:
        """Ends the process whatever it does, and waits for its end."""
        self.was_killed = True
        self._process.kill()
        self.end()

    def end(self) -> None:
        """Has the process end, and waits for that, so that what it used counts as used by this one."""
        self._control.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()


class ServerProcess:
    """A process that is started when something is first handed over to it, and anew where it has ended.

    Args:
        module: where the function is.
        function: what the process runs: is called with the file descriptor of a socket, from which it receives what is
            handed over (`socket.recv_fds`), and returns when that is closed.
    """

    def __init__(self, module: str, function: str) -> None:
        self._entry = module, function
        self._lock = threading.Lock()
        self._running: RunningServer | None = None

    def hand_over(self, fds: Sequence[int]) -> RunningServer:
        """Sends file descriptors to the process, and returns the one that has them; they can be closed here."""
        with self._lock:
            if self._running is None or not self._running.hand_over(fds):
                if self._running is not None:
                    self._end()
                self._running = RunningServer(*self._entry)
                atexit.register(self._end)
                self._running.hand_over(fds)
            return self._running

    def _end(self) -> None:
        atexit.unregister(self._end)
        if self._running is not None:
            self._running.end()
