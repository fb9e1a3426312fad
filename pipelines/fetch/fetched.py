"""What became of a URL."""

from __future__ import annotations

from dataclasses import dataclass

from babelsift.schemas import RejectReason


@dataclass(frozen=True)
class Fetched:
    """What became of a URL: a body, or the reason why there is none.

    Attributes:
        body: the image's bytes as served, None on failure.
        reason: None on success.
        detail: a status, limit or error.
        http_status: of the last response, where there was one.
        attempts: requests begun, redirects not counted.
        seconds: from the first attempt's begin, retries and waiting between them included.
    """

    body: bytes | None
    reason: RejectReason | None = None
    detail: str = ""
    http_status: int | None = None
    attempts: int = 1
    seconds: float = 0.0
