"""What the network's own exceptions mean for a URL."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from babelsift.pipelines.fetch.failure import FetchFailureError
from babelsift.schemas import RejectReason

_RESETS = (errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE)


def failure_of(error: Exception, *, timeout_s: float) -> FetchFailureError:
    """Returns what an exception of aiohttp or of the operating system means for the URL.

    Args:
        timeout_s: the limit that a timeout ran into, for the detail.
    """
    if isinstance(error, FetchFailureError):
        return error
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return FetchFailureError(RejectReason.TIMEOUT, f"connect, {timeout_s:g} s", retry=True)
    if isinstance(error, asyncio.TimeoutError):
        return FetchFailureError(RejectReason.TIMEOUT, f"read, {timeout_s:g} s", retry=True)
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return FetchFailureError(RejectReason.TLS_FAILURE, _tls_text(error))
    if isinstance(error, (aiohttp.ClientConnectorDNSError, socket.gaierror)):
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorDNSError) else error
        return FetchFailureError(RejectReason.DNS_FAILURE, cause.strerror or str(cause))
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return _disconnected(error)
    if _is_reset(error):
        return FetchFailureError(RejectReason.CONNECTION_FAILURE, "connection reset", retry=True)
    if isinstance(error, aiohttp.ClientPayloadError):
        return FetchFailureError(RejectReason.TRUNCATED_BODY, str(error))
    if isinstance(error, aiohttp.InvalidURL):
        return FetchFailureError(RejectReason.URL_INVALID, str(error))
    if isinstance(error, (aiohttp.ClientResponseError, HttpProcessingError)):
        return FetchFailureError(RejectReason.PROTOCOL_ERROR, _headline(error.message) or type(error).__name__)
    if isinstance(error, OSError):
        return FetchFailureError(RejectReason.CONNECTION_FAILURE, error.strerror or str(error))
    if isinstance(error, aiohttp.ClientConnectionError):
        return FetchFailureError(RejectReason.CONNECTION_FAILURE, str(error) or type(error).__name__, retry=True)
    return FetchFailureError(RejectReason.PROTOCOL_ERROR, f"{type(error).__name__}: {error}")


def _is_reset(error: Exception) -> bool:
    if isinstance(error, aiohttp.ClientPayloadError):
        return ConnectionResetError.__name__ in str(error)  # aiohttp keeps nothing of the reset but its text
    return isinstance(error, OSError) and error.errno in _RESETS


def _disconnected(error: aiohttp.ServerDisconnectedError) -> FetchFailureError:
    # With a partial message the server began to answer: more of the same would follow. Without one it hung up.
    if isinstance(error.message, str):
        return FetchFailureError(RejectReason.CONNECTION_FAILURE, "server disconnected", retry=True)
    return FetchFailureError(RejectReason.PROTOCOL_ERROR, "response ended within its headers")


def _headline(message: str) -> str:
    """What is wrong, without the bytes in question that aiohttp's parser quotes on further lines."""
    return message.partition("\n")[0].strip().rstrip(":")


def _tls_text(error: Exception) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    certificate = getattr(error, "certificate_error", None)
    text = getattr(certificate, "verify_message", None) or getattr(cause, "reason", None)
    return str(text or cause).replace("_", " ").lower()
