"""Asking for images to be decoded: by processes of their own, each of which has one image at a time."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable
from queue import LifoQueue
from typing import Any

from babelsift.pipelines.decoding.host import PID, STATUS
from babelsift.pipelines.decoding.messages import (
    ERROR,
    IMAGE,
    MEMORY,
    SETUP,
    WANTS_MEMORY,
)
from babelsift.pipelines.processes import RunningServer, ServerProcess
from babelsift.pipelines.processes.channel import bound_waiting
from babelsift.pipelines.processes.messages import receive_message, send_message

_TRIES = 2  # a decoder that was killed for its memory, or by hand, says nothing of its image
_CLOCK_TO_CPU = 5  # so many times longer may an image take by the clock: the machine has other things to do, too
_START_S = 300.0  # for a host to import what decoders need, from a cold disk too
_STATUS_S = 5.0
_SENT_AHEAD_BYTES = 2**22  # as much of it as the system grants
# Images of many pixels are in memory two at a time in all decoders of a process, which bounds what these take.
_LARGE_IMAGES = threading.BoundedSemaphore(2)


class DecodeTimeoutError(Exception):
    """An image took longer than it may, and its decoder was ended; the message says how long that is."""


class DecoderCrashedError(Exception):
    """An image's decoder has died, and the next one that had the image too; the message says of what."""


class DecoderPool:
    """Decodes images in processes of their own, as many at once as it has decoders; call it from threads.

    Each decoder is a fork of one host, which is started when it is first needed. What a decoder writes to stderr goes
    nowhere. An image that takes too long, or kills its decoder, costs that decoder, and the next image has another.

    Args:
        decode: called as `decode(body, *arguments, has_complained=, large_images=)`, see `process_image`; a picklable
            function. What it returns or raises is pickled.
        decoders: how many images are decoded at once.
        timeout_s: CPU seconds that an image may take; by the clock five times as long.
        start_s: seconds in which the host has to begin.
    """

    def __init__(
        self, decode: Callable[..., Any], *, decoders: int, timeout_s: float, start_s: float = _START_S
    ) -> None:
        self._decode = decode
        self._timeout_s, self._start_s = timeout_s, start_s
        self._decoders: LifoQueue[_Decoder | None] = LifoQueue()
        for _ in range(decoders):
            self._decoders.put(None)
        self._size = decoders

    def decode(self, body: bytes, *arguments: object) -> Any:
        """Waits for a decoder and for what it makes of an image; returns or raises what the function does.

        Raises:
            DecodeTimeoutError: it took too long.
            DecoderCrashedError: two decoders have died of it.
        """
        for _ in range(_TRIES - 1):
            with contextlib.suppress(DecoderCrashedError):
                return self._asked(body, arguments)
        return self._asked(body, arguments)

    def close(self) -> None:
        """Ends the decoders, once those that have an image are done with it."""
        for _ in range(self._size):
            if (decoder := self._decoders.get()) is not None:
                decoder.close()
        for _ in range(self._size):
            self._decoders.put(None)

    def _asked(self, body: bytes, arguments: tuple[object, ...]) -> Any:
        decoder = self._decoders.get()
        try:
            decoder = decoder or _Decoder(self._decode, self._timeout_s, self._start_s)
            kind, result = decoder.ask(body, arguments)
        except BaseException:
            if decoder is not None:
                decoder.discard()
                decoder = None
            raise
        finally:
            self._decoders.put(decoder)
        if isinstance(result, MemoryError):
            raise DecoderCrashedError("out of memory")
        if kind == ERROR:
            raise result
        return result


class _Decoder:
    """One decoder and the socket by which it is asked.

    Raises:
        DecoderCrashedError: it cannot be started.
    """

    def __init__(self, decode: Callable[..., Any], timeout_s: float, start_s: float) -> None:
        self._timeout_s = timeout_s
        self._channel, theirs = socket.socketpair()
        self._status, their_status = os.pipe()
        for end in (self._channel, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_AHEAD_BYTES)
        try:
            with theirs:
                self._host: RunningServer = _host.hand_over([theirs.fileno(), their_status])
        finally:
            os.close(their_status)
        pid = self._read_status(start_s)
        if pid is None:
            self._host.kill()
            self.close()
            raise DecoderCrashedError("it could not be started: the log may say why")
        (self._pid,) = PID.unpack(pid)
        bound_waiting(self._channel, _CLOCK_TO_CPU * timeout_s)
        with contextlib.suppress(OSError):  # it has ended: whoever asks it first is told
            send_message(self._channel, SETUP, (decode, timeout_s))

    def ask(self, body: bytes, arguments: tuple[object, ...]) -> tuple[bytes, Any]:
        """Returns (RESULT or ERROR, what the function returned or raised)."""
        with contextlib.ExitStack() as held:
            try:
                send_message(self._channel, IMAGE, arguments, body)
                answer = receive_message(self._channel)
                while answer is not None and answer[0] == WANTS_MEMORY:
                    held.enter_context(_LARGE_IMAGES)
                    send_message(self._channel, MEMORY)
                    answer = receive_message(self._channel)
            except BlockingIOError:
                raise DecodeTimeoutError(f"{_CLOCK_TO_CPU * self._timeout_s:g} s") from None
            except (BrokenPipeError, ConnectionError):
                answer = None
            if answer is None:
                raise self._why_ended()
            return answer[0], answer[1]

    def close(self) -> None:
        """Lets the decoder end."""
        self._channel.close()
        os.close(self._status)

    def discard(self) -> None:
        """Ends the decoder, whatever it does."""
        if not _is_readable(self._status, 0):  # otherwise it has ended, and its process id may be another's
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self.close()

    def _why_ended(self) -> Exception:
        status = self._read_status(_STATUS_S)
        if status is None:
            return DecoderCrashedError("it ended with its host")
        (exit_code,) = STATUS.unpack(status)
        if exit_code == -signal.SIGPROF:
            return DecodeTimeoutError(f"{self._timeout_s:g} s of CPU time")
        if exit_code < 0:
            return DecoderCrashedError(f"signal {signal.Signals(-exit_code).name}")
        return DecoderCrashedError(f"exit code {exit_code}")

    def _read_status(self, seconds: float) -> bytes | None:
        """What the host says next of the decoder; None where it says nothing in time, or is gone."""
        if not _is_readable(self._status, seconds):
            return None
        return os.read(self._status, STATUS.size) or None


def _is_readable(fd: int, seconds: float) -> bool:
    poll = select.poll()  # `select.select` cannot look at files of high numbers
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


_host = ServerProcess("babelsift.pipelines.decoding.host", "serve")
