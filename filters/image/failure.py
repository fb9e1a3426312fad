"""How an image fails: one exception that carries the reject reason, for use within this package."""

from __future__ import annotations

from babelsift.schemas import RejectReason


class ImageFailureError(Exception):
    """Bytes from which no image can be stored; `process_image` turns it into data.

    Attributes:
        reason: why.
        detail: one short line: a size, a format, a limit.
    """

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
