"""Undoing a response's content coding with a bound on what comes out."""

from __future__ import annotations

import zlib

from babelsift.pipelines.fetch.failure import FetchFailureError
from babelsift.schemas import RejectReason

_ZLIB = ("gzip", "x-gzip", "deflate")
_UNSUPPORTED = ("br", "zstd", "compress", "x-compress")
_GZIP_MAGIC = b"\x1f\x8b"
_LARGE_PART_BYTES = 2**16


class BodyDecoder:
    """Collects a body's bytes, decompressed where the server compressed them, up to a limit.

    Identity is what the client asks for, so compression is the exception; a body that is said to be compressed and
    is not is taken as it is, as browsers do.
    """

    def __init__(self, content_encoding: str | None, *, max_bytes: int) -> None:
        codings = [c.strip() for c in (content_encoding or "").lower().split(",") if c.strip() not in ("", "identity")]
        if len(codings) > 1 or any(c in _UNSUPPORTED for c in codings):
            raise FetchFailureError(RejectReason.PROTOCOL_ERROR, f"content-encoding {', '.join(codings)}")
        self._coding = codings[0] if codings and codings[0] in _ZLIB else None
        self._max_bytes = max_bytes
        self._on_the_wire = self._length = 0
        self._parts: list[bytes | bytearray] = []
        self._inflater: zlib._Decompress | None = None

    def __len__(self) -> int:
        return self._length

    def feed(self, chunk: bytes) -> None:
        """Adds a piece of the body as received.

        Raises:
            FetchFailureError: BODY_TOO_LARGE on the wire or decompressed; PROTOCOL_ERROR for a broken coding.
        """
        self._on_the_wire += len(chunk)
        if self._on_the_wire > self._max_bytes:
            raise FetchFailureError(RejectReason.BODY_TOO_LARGE, f"more than {self._max_bytes} bytes")
        if self._inflater is not None:
            self._inflate(chunk)
            return
        self._add(chunk)
        if self._coding is not None and self._length >= 2:
            self._start_inflating()

    def begin(self, max_bytes: int) -> bytes:
        """Returns what there is of the body so far, as far as `max_bytes`."""
        return b"".join(self._parts)[:max_bytes]

    def finish(self) -> bytes:
        """Returns the whole body.

        Raises:
            FetchFailureError: TRUNCATED_BODY where the compressed stream has no end.
        """
        if self._inflater is not None and not self._inflater.eof:
            raise FetchFailureError(RejectReason.TRUNCATED_BODY, f"{self._coding} stream without its end")
        return b"".join(self._parts)

    def _add(self, part: bytes) -> None:
        """Keeps large parts as they come, since a body mostly comes in few, and puts small ones together."""
        self._length += len(part)
        if len(part) >= _LARGE_PART_BYTES or not self._parts:
            self._parts.append(part)
        elif isinstance(self._parts[-1], bytearray):
            self._parts[-1] += part
        else:
            self._parts.append(bytearray(part))

    def _start_inflating(self) -> None:
        head = b"".join(self._parts)
        if head.startswith(_GZIP_MAGIC):
            self._inflater = zlib.decompressobj(wbits=31)
        elif self._coding == "deflate":
            is_zlib = head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0
            self._inflater = zlib.decompressobj(wbits=15 if is_zlib else -15)
        else:
            self._coding = None
            return
        self._parts, self._length = [], 0
        self._inflate(head)

    def _inflate(self, chunk: bytes) -> None:
        inflater = self._inflater
        if inflater is None or inflater.eof:
            return  # what follows the stream's end is no part of the body
        try:
            self._add(inflater.decompress(chunk, self._max_bytes + 1 - self._length))
        except zlib.error as error:
            raise FetchFailureError(RejectReason.PROTOCOL_ERROR, f"{self._coding}: {error}") from error
        if self._length > self._max_bytes:
            raise FetchFailureError(
                RejectReason.BODY_TOO_LARGE, f"more than {self._max_bytes} bytes, decompressed from {self._coding}"
            )
