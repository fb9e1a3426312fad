"""How a fetch fails: one exception that carries the reject reason."""

from __future__ import annotations

from babelsift.schemas import RejectReason

_MAX_DETAIL_CHARACTERS = 160


class FetchFailureError(Exception):
    """A URL that gives no image body; raised and caught within this package only.

    Attributes:
        reason: why.
        detail: one short line: a status, a limit, an error's text.
        retry: whether another try may help.
        retry_after_s: how long the server asks to wait.
        http_status: where there was a response.
    """

    def __init__(
        self,
        reason: RejectReason,
        detail: str,
        *,
        retry: bool = False,
        retry_after_s: float = 0.0,
        http_status: int | None = None,
    ) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = short(detail)
        self.retry = retry
        self.retry_after_s = retry_after_s
        self.http_status = http_status


def short(text: str) -> str:
    """Returns the text as one printable line of bounded length; servers choose some of what ends up in it."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _MAX_DETAIL_CHARACTERS else line[: _MAX_DETAIL_CHARACTERS - 1] + "…"
