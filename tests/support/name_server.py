"""A name server on loopback: answers for the names that it is given, and counts what it is asked."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Mapping

_A, _INTERNET = 1, 1
_NO_ERROR, _SERVER_FAILURE, _NO_SUCH_NAME = 0, 2, 3
_IS_ANSWER = 0x8180  # an answer, recursion desired and there


class NameServer:
    """Answers questions for A records over UDP, in a thread of its own; a context manager.

    Attributes:
        names: name -> (address, seconds that it holds). Others there are none of.
        asked: how often for each name, for A records.
        is_failing: whether each question is answered by a failure of the server.
        is_silent: whether none is answered.
    """

    def __init__(self, names: Mapping[str, tuple[str, int]]) -> None:
        self.names = dict(names)
        self.asked: Counter[str] = Counter()
        self.is_failing = self.is_silent = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> str:
        """As a recipe names it."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> NameServer:
        self._socket.bind(("127.0.0.1", 0))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                question, client = self._socket.recvfrom(4096)
                if not question:
                    return
                answer = self._answer(question)
                if not self.is_silent:
                    self._socket.sendto(answer, client)

    def _answer(self, message: bytes) -> bytes:
        number, end = message[:2], 12
        labels = []
        while size := message[end]:
            labels.append(message[end + 1 : end + 1 + size].decode().lower())
            end += size + 1
        kind, _ = struct.unpack_from(">HH", message, end + 1)
        question, name = message[12 : end + 5], ".".join(labels)
        if kind == _A:
            self.asked[name] += 1
        code = _SERVER_FAILURE if self.is_failing else _NO_ERROR if name in self.names else _NO_SUCH_NAME
        records = b""
        if code == _NO_ERROR and kind == _A:
            address, ttl_s = self.names[name]
            records = struct.pack(">HHHIH", 0xC00C, _A, _INTERNET, ttl_s, 4) + socket.inet_aton(address)
        head = struct.pack(">HHHHH", _IS_ANSWER | code, 1, bool(records), 0, 0)
        return number + head + question + records
