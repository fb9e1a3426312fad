"""Serves an explorer until Ctrl-C: loads the runs, takes a port, says where the page is."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from babelsift.pipelines.explorer.guard import Guard, allowed_hosts, is_loopback
from babelsift.pipelines.explorer.routes import application
from babelsift.pipelines.explorer.session import Session, load_session
from babelsift.schemas import InputError

FIRST_PORT, PORTS_TRIED = 8420, 20
_LOOKS_EVERY_S, _ENDS_WITHIN_S = 1.0, 5.0


@dataclass(frozen=True)
class Address:
    """Where an explorer listens.

    Attributes:
        host: loopback, unless it is to be reached from elsewhere.
        port: 0: the first free one from FIRST_PORT on.
    """

    host: str = "127.0.0.1"
    port: int = 0


def serve(urls: Sequence[str], address: Address, labels: str, *, ready: Callable[[str, Session], None]) -> None:
    """Shows runs until the process is interrupted.

    Args:
        urls: of run folders.
        address: to listen on.
        labels: the file of labels.
        ready: told the page's address once it can be opened, and what it shows.

    Raises:
        BabelsiftError: a run cannot be read, or the port is taken.
    """
    listener = _listen(address)
    with listener:
        session = load_session(urls, labels)
        port = listener.getsockname()[1]
        token = None if is_loopback(address.host) else secrets.token_urlsafe(24)
        guarded = Guard(application(session), allowed_hosts(address.host, port), token)
        ready(page_url(address.host, port, token), session)
        _serve_until_interrupted(guarded, listener)


def _serve_until_interrupted(app: ASGIApp, listener: socket.socket) -> None:
    """Serves in a thread of its own, so that Ctrl-C interrupts the main thread and not the server's loop."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", server_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_LOOKS_EVERY_S)
    finally:
        server.should_exit = server.force_exit = True
        thread.join(_ENDS_WITHIN_S)


def page_url(host: str, port: int, token: str | None) -> str:
    """Returns the address of the page.

    >>> page_url("::1", 8420, None)
    'http://[::1]:8420/'
    """
    name = socket.gethostname() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def _listen(address: Address) -> socket.socket:
    """Takes a port; done before anything is loaded, so that a port in use is told at once."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    ports = [address.port] if address.port else range(FIRST_PORT, FIRST_PORT + PORTS_TRIED)
    for port in ports:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address.host, port))
            listener.listen()
        except (OSError, OverflowError) as error:
            listener.close()
            if address.port or port == ports[-1]:
                what = getattr(error, "strerror", None) or error
                raise InputError(f"cannot listen on {address.host}:{port}: {what}; name another --port") from error
            continue
        return listener
    raise AssertionError("no port was tried")
