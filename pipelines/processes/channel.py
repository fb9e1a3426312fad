"""Sockets between processes: receiving so many bytes, and waiting for no longer than allowed."""

from __future__ import annotations

import socket
import struct


def receive_exactly(channel: socket.socket, size: int) -> bytes | None:
    """Waits for so many bytes; None where there are fewer before the end.

    Raises:
        BlockingIOError: nothing has come within the socket's time.
    """
    try:
        received = channel.recv(size, socket.MSG_WAITALL) if size else b""
        while len(received) < size:  # a signal came between, or the end
            if not (more := channel.recv(size - len(received), socket.MSG_WAITALL)):
                return None
            received += more
    except ConnectionResetError:
        return None
    return received


def bound_receiving(channel: socket.socket, seconds: float) -> None:
    """Lets no call that receives from a blocking socket wait longer; the kernel sees to it, at no cost a call."""
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(seconds))


def bound_waiting(channel: socket.socket, seconds: float) -> None:
    """Lets no call that receives from a blocking socket, or sends by it, wait longer; as `bound_receiving`."""
    bound_receiving(channel, seconds)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(seconds))


def _timeval(seconds: float) -> bytes:
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
