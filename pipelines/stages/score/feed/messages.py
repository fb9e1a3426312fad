"""Messages between a process and those that decode for it: JSON, after its length; a message may bring a file along."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any

from babelsift.pipelines.processes.channel import receive_exactly

_LENGTH = struct.Struct("<I")
_MOST_BYTES = 2**24


def send(channel: socket.socket, message: Any, file: int | None = None) -> None:
    """Sends a message.

    Args:
        channel: a stream of a Unix socket pair.
        message: JSON values.
        file: a descriptor that the other process is to have, too.
    Raises:
        OSError: the other process is gone.
    """
    body = json.dumps(message).encode()
    content = _LENGTH.pack(len(body)) + body
    if file is None:
        channel.sendall(content)
        return
    sent = socket.send_fds(channel, [content], [file])
    channel.sendall(content[sent:])


def receive(channel: socket.socket) -> tuple[Any, int | None]:
    """Returns the next message and the descriptor that it brings along, if any.

    Raises:
        EOFError: the other process is gone, or talks nonsense.
    """
    head, files, _, _ = socket.recv_fds(channel, _LENGTH.size, 1)
    for extra in files[1:]:
        os.close(extra)
    head += _exactly(channel, _LENGTH.size - len(head)) if head else b""
    if not head:
        raise EOFError("the other process is gone")
    (length,) = _LENGTH.unpack(head)
    if length > _MOST_BYTES:
        raise EOFError(f"a message of {length} bytes is none of ours")
    try:
        return json.loads(_exactly(channel, length)), files[0] if files else None
    except ValueError as error:
        raise EOFError("a message is not JSON") from error


def _exactly(channel: socket.socket, size: int) -> bytes:
    if (content := receive_exactly(channel, size)) is None:
        raise EOFError("the other process is gone")
    return content
