"""The process that is the command: it ends with the command's exit status, whatever threads the libraries have left.

Arrow's threads may still hold a Python file when the command is done. Where they let go of it while Python takes
itself down, the process ends with SIGABRT ("terminate called without an active exception"), and a finished run looks
like a failed one. So the process leaves once everything that is registered with `atexit` has run. Interrupted, it
leaves within seconds: Beam and Python would wait for threads that wait for the web.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading

from babelsift.pipelines.cli.exit_status import (
    INTERRUPTED,
    interrupted,
    never_fail_to_encode,
    note_interrupt,
    was_interrupted,
)

_GRACE_S = 5.0  # for an interrupted run to let go of its lock


def run_as_process() -> None:
    """Runs the command line and ends the process with its exit status."""
    leave = _LeaveAtExit()
    signal.signal(signal.SIGINT, leave.interrupt)
    atexit.register(leave)  # what is registered first runs last, so before any library is imported
    never_fail_to_encode()
    try:
        from babelsift.pipelines.cli.main import main

        leave.status = main()
    except SystemExit as exit_:  # argparse's help
        leave.status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        raise
    except BaseException as error:  # while all that is imported; what is written in Rust makes an error of Ctrl-C
        if not (was_interrupted() or isinstance(error, KeyboardInterrupt)):
            raise
        leave.status = interrupted(sys.argv[1:])
    if leave.status == INTERRUPTED:
        leave()
    sys.exit(leave.status)


class _LeaveAtExit:
    """Ends the process without taking the interpreter down; an error that nobody caught leaves the status at 1."""

    def __init__(self) -> None:
        self.status = 1

    def interrupt(self, *_: object) -> None:
        """Raises KeyboardInterrupt, and ends the process where that has not ended it soon; again, ends it at once."""
        if note_interrupt():
            self._give_up()
        giving_up = threading.Timer(_GRACE_S, self._give_up)
        giving_up.daemon = True
        giving_up.start()
        raise KeyboardInterrupt

    def _give_up(self) -> None:
        self.status = interrupted(sys.argv[1:])
        self()

    def __call__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # whoever read it is gone
                stream.flush()
        os._exit(self.status)
