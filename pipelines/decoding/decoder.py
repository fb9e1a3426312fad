"""What a decoder does, in a process of its own with one thread: one image after the other, until nobody asks."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import sys
import tempfile
from types import TracebackType

from babelsift.pipelines.decoding.messages import (
    ERROR,
    IMAGE,
    MEMORY,
    RESULT,
    SETUP,
    WANTS_MEMORY,
)
from babelsift.pipelines.processes.messages import receive_message, send_message

_STDERR = 2


class NobodyAsksError(Exception):
    """Who asked for an image is gone."""


def serve_decoder(channel: socket.socket) -> None:
    """Decodes what comes in over a socket.

    The system ends the process where an image takes more CPU time than it may: nothing here, nor in a library, has to
    notice.
    """
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    stderr, memory = _CapturedStderr(), _MemoryOfAsker(channel)
    setup = receive_message(channel)
    if setup is None or setup[0] != SETUP:
        return
    decode, cpu_s = setup[1]
    while (message := receive_message(channel)) is not None and message[0] == IMAGE:
        _, arguments, body = message
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        try:
            kind, result = RESULT, decode(body, *arguments, has_complained=stderr.was_written, large_images=memory)
        except NobodyAsksError:
            return
        except Exception as error:  # noqa: BLE001 it is raised where the image was asked for
            kind, result = ERROR, _picklable(error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        stderr.was_written()
        send_message(channel, kind, result)


class _CapturedStderr:
    """Takes what C libraries write to stderr, of which no more is kept than what one image makes them write.

    What Python itself writes there goes where it went before.
    """

    def __init__(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            sys.stderr = open(os.dup(_STDERR), "w", buffering=1)  # noqa: SIM115 for as long as the process lasts
        if hasattr(os, "memfd_create"):  # memory: what is written is not lost where a disk is full
            fd = os.memfd_create("stderr")
        else:
            fd = os.dup(tempfile.TemporaryFile().fileno())  # noqa: SIM115 it has its name no more
        os.dup2(fd, _STDERR)
        os.close(fd)

    def was_written(self) -> bool:
        """Whether anything was written since this was last asked."""
        if not os.lseek(_STDERR, 0, os.SEEK_CUR):
            return False
        os.lseek(_STDERR, 0, os.SEEK_SET)
        os.ftruncate(_STDERR, 0)
        return True


class _MemoryOfAsker(contextlib.AbstractContextManager[None]):
    """What is held while a large image's pixels are in memory: who asks for images grants it, and takes it back."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    def __enter__(self) -> None:
        send_message(self._channel, WANTS_MEMORY)
        answer = receive_message(self._channel)
        if answer is None or answer[0] != MEMORY:
            raise NobodyAsksError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The image's result gives it back."""


def _picklable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 of whatever kind it is, it is to be told
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
