"""What goes between the process that fetches and the one that asks: asks as JSON, answers as a head and a body."""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass
from typing import Any

from babelsift.pipelines.fetch.fetched import Fetched
from babelsift.pipelines.processes.channel import receive_exactly
from babelsift.schemas import RejectReason

# While one URL's body waits to be read another's arrives: so many URLs a slot are taken up at once, and no more.
URLS_A_SLOT = 2
_ASK_HEAD = struct.Struct("<I")  # bytes of JSON
# ticket, row, seconds, HTTP status (0: there was none), attempts, bytes of reason and detail, bytes of body
_ANSWER_HEAD = struct.Struct("<IIdIIII")
NO_TICKET = 2**32 - 1  # of the answers by which the process that fetches says that it is alive


@dataclass(frozen=True)
class Answer:
    """What became of the URL at `row` of those that were asked for with a ticket."""

    ticket: int
    row: int
    fetched: Fetched


def pack_ask(ask: dict[str, Any]) -> bytes:
    """Returns an ask as a message."""
    content = json.dumps(ask).encode()
    return _ASK_HEAD.pack(len(content)) + content


def unpack_asks(received: bytearray) -> list[dict[str, Any]]:
    """Takes whole asks off the front of what was received and returns them."""
    asks = []
    while len(received) >= _ASK_HEAD.size:
        end = _ASK_HEAD.size + _ASK_HEAD.unpack_from(received)[0]
        if len(received) < end:
            break
        asks.append(json.loads(received[_ASK_HEAD.size : end]))
        del received[:end]
    return asks


def pack_answer(answer: Answer) -> tuple[bytes, bytes]:
    """Returns (head, body) of an answer's message."""
    fetched = answer.fetched
    reason = f"{fetched.reason.value}\n{fetched.detail}".encode() if fetched.reason else b""
    body = fetched.body or b""
    numbers = answer.ticket, answer.row, fetched.seconds, fetched.http_status or 0, fetched.attempts
    return _ANSWER_HEAD.pack(*numbers, len(reason), len(body)) + reason, body


def receive_answer(channel: socket.socket) -> Answer | None:
    """Waits for the next answer at a blocking socket; None where there will be no more.

    Raises:
        BlockingIOError: nothing has come within the socket's time.
    """
    if (head := receive_exactly(channel, _ANSWER_HEAD.size)) is None:
        return None
    ticket, row, seconds, status, attempts, reason_bytes, body_bytes = _ANSWER_HEAD.unpack(head)
    text, body = receive_exactly(channel, reason_bytes), receive_exactly(channel, body_bytes)
    if text is None or body is None:
        return None
    reason, _, detail = text.decode().partition("\n")
    failed = RejectReason(reason) if reason else None
    return Answer(ticket, row, Fetched(None if failed else body, failed, detail, status or None, attempts, seconds))
