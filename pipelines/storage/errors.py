"""Errors of file systems and object stores: which can pass, trying again, and one line with the remedy.

fsspec's implementations raise more than OSError: errors of botocore, aiohttp, google and azure come through unchanged.
They are told by their class's name and by the HTTP status that they carry, so that no store's package is needed.
"""

from __future__ import annotations

import errno
import gzip
import logging
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from babelsift.schemas import BabelsiftError, one_line
from babelsift.schemas.errors import error_chain

PATIENCE_VARIABLE = "BABELSIFT_STORAGE_PATIENCE_S"

_Result = TypeVar("_Result")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Packages whose exceptions are a store's answer, or the lack of one.
_STORE_PACKAGES = _words(
    """
    adlfs aiobotocore aiohttp azure boto3 botocore fsspec gcsfs google http httpcore httpcore2 httpx httpx2
    huggingface_hub requests s3fs urllib3
    """
)
_PASSING_ERRNOS = frozenset(
    getattr(errno, name)
    for name in _words(
        """
    EAGAIN EBUSY ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH EINTR EIO EMFILE ENETDOWN
    ENETRESET ENETUNREACH ENFILE ENOBUFS ENOLCK ENOMEM ENOTCONN EPIPE EPROTO EREMOTEIO ESHUTDOWN ESTALE
    ETIMEDOUT
    """
    )
    if hasattr(errno, name)
)
_PASSING_STATUSES = frozenset((408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524))
# S3's error codes that come with a status which does not say that they can pass.
_PASSING_CODES = _words(
    """
    BadDigest ConditionalRequestConflict IncompleteBody InternalError OperationAborted RequestTimeout SlowDown
    """
)
# Classes that no status and no errno tells.
_PASSING_CLASSES = _words(
    """
    ChecksumError ChunkedEncodingError ClientConnectionError ClientPayloadError ConnectionError FSTimeoutError
    FlexibleChecksumError HTTPClientError HTTPException IncompleteReadError ProtocolError RetryError
    ServiceRequestError ServiceResponseError Timeout TimeoutError TransportError
    """
)
_LASTING_CLASSES = _words(
    """
    ClientConnectorCertificateError ClientSSLError CertificateError InvalidURL SSLError UnsupportedProtocol
    """
)
_LEAST_ATTEMPTS = 3
_LEAST_PATIENCE_S = 5.0
_SILENCE_S = 5.0  # an attempt that took so long before it failed is told of: nothing else moves meanwhile
_REFUSED = frozenset((401, 403))
_NO_CREDENTIALS = ("Credential", "Token", "Refresh", "Auth", "Profile")


@dataclass(frozen=True)
class Retries:
    """How often an operation is tried again, and how long is waited before each time.

    Attributes:
        attempts: how often it is tried in all, at least 1.
        first_wait_s: seconds before the second attempt; twice as many before each one after that.
        wait: sleeps for so many seconds.
        clock: seconds since any moment.
    """

    attempts: int = 6
    first_wait_s: float = 0.5
    wait: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic

    @property
    def patience_s(self) -> float:
        """Seconds that are waited in all before an error counts as lasting."""
        return self.first_wait_s * (2 ** (self.attempts - 1) - 1)


def default_retries() -> Retries:
    """Returns the retries of this process: about 15 s of patience, or as many as BABELSIFT_STORAGE_PATIENCE_S says."""
    try:
        patience_s = max(0.0, float(os.environ[PATIENCE_VARIABLE]))
    except (KeyError, ValueError):
        return Retries()
    return Retries(first_wait_s=patience_s / (2 ** (Retries.attempts - 1) - 1))


def is_storage_error(error: BaseException) -> bool:
    """Whether a file system or a store raised the error, rather than our code, or a reader that disliked a content."""
    if isinstance(error, gzip.BadGzipFile):
        return False
    if isinstance(error, (OSError, TimeoutError)):
        return True
    return isinstance(error, Exception) and any(
        kind.__module__.partition(".")[0] in _STORE_PACKAGES for kind in type(error).__mro__
    )


def is_passing(error: BaseException) -> bool:
    """Whether the same operation may succeed a little later: an outage, a timeout, a busy store, a disk's EIO.

    A file that is not there, a refusal, a full disk are lasting.
    """
    chain = list(causes(error))
    if _is_distrust(error):
        return False
    if any(s3_code(cause) in _PASSING_CODES for cause in chain):
        return True
    for cause in chain:
        if (status := http_status(cause)) is not None:
            return status in _PASSING_STATUSES
    return any(_passes_by_class(cause) for cause in chain)


def retrying(
    operation: Callable[[], _Result],
    *,
    retries: Retries | None = None,
    can_pass: Callable[[BaseException], bool] = is_passing,
) -> _Result:
    """Returns what an operation returns, tried again while it fails for a reason that can pass.

    Where each attempt takes long to fail, as at an address that does not answer at all, there are fewer of them, but
    three: all of them together last about as long as one's patience. Whoever waits is told of each.

    Args:
        operation: may be called more than once.
        retries: how often; None: `default_retries()`.
        can_pass: whether it is worth while to try again after an error.

    Raises:
        Exception: the operation's own error, the last one where it was tried several times.
    """
    retries = retries or default_retries()
    wait_s = retries.first_wait_s
    begun = retries.clock()
    for attempt in range(1, retries.attempts):
        tried = retries.clock()
        try:
            return operation()
        except Exception as error:
            if not can_pass(error):
                raise
            if retries.clock() - tried >= _SILENCE_S:
                logging.warning("storage: %s; trying again", one_line(error))
            if attempt >= _LEAST_ATTEMPTS and retries.clock() - begun >= max(retries.patience_s, _LEAST_PATIENCE_S):
                raise
        retries.wait(wait_s)
        wait_s *= 2
    return operation()


def is_absent(error: BaseException) -> bool:
    """Whether an error says that there is no such file; fsspec's HTTP says so of each request that fails."""
    cause = error.__cause__
    answered = cause is None or not is_storage_error(cause) or http_status(cause) in (404, 410)
    return isinstance(error, FileNotFoundError) and (answered or isinstance(cause, FileNotFoundError))


def describe_storage_error(error: BaseException) -> str:
    """Returns one line that says what a file system or a store answered, and the remedy where there is one."""
    if isinstance(error, FileNotFoundError) and not is_absent(error):
        assert error.__cause__ is not None
        error = error.__cause__
    text = one_line(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{text}; free space, then run the same command again: it goes on from there"
    chain = list(causes(error))
    if is_passing(error):
        return f"{text}; run the same command again once it answers: it goes on from there"
    if isinstance(error, PermissionError) or any(_is_refusal(cause) for cause in chain):
        return f"{text}; check the permissions, or the credentials in the environment or a profile of its own"
    if _is_distrust(error):
        return f"{text}; name the certificate of an authority of your own in SSL_CERT_FILE, for S3 in AWS_CA_BUNDLE"
    if any(s3_code(cause) == "NoSuchBucket" for cause in chain):
        return f"{text}; check the bucket's name, or make it"
    return text


@contextmanager
def storage_failures(kind: type[BabelsiftError], what: str) -> Iterator[None]:
    """Raises errors of file systems and stores inside its block as `kind`: one line, `what` first, then the remedy.

    Args:
        kind: the class to raise.
        what: what could not be done, to which file: "cannot write s3://bucket/out/manifest.json".
    """
    try:
        yield
    except BabelsiftError:
        raise
    except Exception as error:
        if not is_storage_error(error):
            raise
        raise kind(f"{what}: {describe_storage_error(error)}") from error


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an error, what caused it, what caused that ..."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__


def http_status(error: BaseException) -> int | None:
    """Returns the HTTP status that an error carries; None where it carries none."""
    if type(error).__module__.startswith("aiohttp.http_exceptions"):
        return None  # of an answer that was cut: its `code` is what a server would say of such a request
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        status = getattr(response, "status_code", None)
    for name in ("status", "status_code", "code"):
        status = getattr(error, name, None) if status is None else status
    if isinstance(status, str) and status.isdecimal():
        status = int(status)
    return int(status) if isinstance(status, int) and 400 <= status < 600 else None


def s3_code(error: BaseException) -> str | None:
    """Returns the error code that a store which speaks S3 answered."""
    response = getattr(error, "response", None)
    details = response.get("Error") if isinstance(response, dict) else None
    return details.get("Code") if isinstance(details, dict) else None


def _passes_by_class(error: BaseException) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _LASTING_CLASSES or isinstance(error, (FileNotFoundError, FileExistsError, PermissionError)):
        return False
    if isinstance(error, socket.gaierror):
        return error.errno in (socket.EAI_AGAIN, socket.EAI_NONAME)  # no name server, as an outage looks
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _PASSING_ERRNOS
    return is_storage_error(error) and bool(names & _PASSING_CLASSES)


def _is_distrust(error: BaseException | None) -> bool:
    """Whether a server's certificate is of no authority that is trusted; some clients say so without naming a cause."""
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in error_chain(error))


def _is_refusal(error: BaseException) -> bool:
    name = type(error).__name__
    return http_status(error) in _REFUSED or (is_storage_error(error) and any(word in name for word in _NO_CREDENTIALS))
