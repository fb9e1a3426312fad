"""Messages between processes: a head, a pickled object, and bytes that are not pickled."""

from __future__ import annotations

import pickle
import socket
import struct
from typing import Any

from babelsift.pipelines.processes.channel import receive_exactly

_HEAD = struct.Struct("<cII")  # kind, bytes of the pickled object, bytes of the body

Message = tuple[bytes, Any, bytes]


def send_message(channel: socket.socket, kind: bytes, content: object = None, body: bytes = b"") -> None:
    """Sends a message.

    Raises:
        OSError: nobody is there to receive it; BlockingIOError: nobody has received it within the socket's time.
    """
    pickled = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    parts = [_HEAD.pack(kind, len(pickled), len(body)), pickled, body]
    sent = channel.sendmsg(parts)
    for part in parts:
        if sent < len(part):
            channel.sendall(memoryview(part)[sent:])
        sent = max(0, sent - len(part))


def receive_message(channel: socket.socket) -> Message | None:
    """Waits for a message: (kind, object, body); None where the other end is closed.

    Raises:
        BlockingIOError: nothing has come within the socket's time.
    """
    head = receive_exactly(channel, _HEAD.size)
    if head is None:
        return None
    kind, pickled_bytes, body_bytes = _HEAD.unpack(head)
    pickled, body = receive_exactly(channel, pickled_bytes), receive_exactly(channel, body_bytes)
    if pickled is None or body is None:
        return None
    return kind, pickle.loads(pickled), body
