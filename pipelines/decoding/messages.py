"""What goes between a decoder and who asks it: a head, a pickled object, and bytes that are not pickled.

A decoder is sent SETUP once: (the function that decodes, the CPU seconds an image may take). Then, image by image, it
gets IMAGE, the function's further arguments and the file, and answers with RESULT or ERROR. In between it may send
WANTS_MEMORY, and waits for MEMORY then.
"""

from __future__ import annotations

import pickle
import socket
import struct
from typing import Any

SETUP, IMAGE, RESULT, ERROR, WANTS_MEMORY, MEMORY = b"S", b"I", b"R", b"E", b"W", b"M"
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
    head = _receive(channel, _HEAD.size)
    if head is None:
        return None
    kind, pickled_bytes, body_bytes = _HEAD.unpack(head)
    pickled, body = _receive(channel, pickled_bytes), _receive(channel, body_bytes)
    if pickled is None or body is None:
        return None
    return kind, pickle.loads(pickled), body


def bound_waiting(channel: socket.socket, seconds: float) -> None:
    """Lets no call of a blocking socket wait longer: the kernel sees to it, without a further call for each."""
    timeval = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)


def _receive(channel: socket.socket, size: int) -> bytes | None:
    try:
        received = channel.recv(size, socket.MSG_WAITALL) if size else b""
        while len(received) < size:  # a signal came between, or the end
            if not (more := channel.recv(size - len(received), socket.MSG_WAITALL)):
                return None
            received += more
    except ConnectionResetError:
        return None
    return received
