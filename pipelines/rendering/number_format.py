"""How the report writes numbers, and how it makes texts from the web fit to show."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timezone

from babelsift.pipelines.run_folder.progress.view import duration_text as rounded_duration

# What neither HTML nor a reader can show: control characters other than white space, surrogates, non-characters; and
# the two that turn the order of all text after them, by which a name can pass for another.
_UNSHOWABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202d\u202e\ud800-\udfff\ufffe\uffff]")
_JOINERS = "\u200d\ufe0e\ufe0f"


def count_text(rows: int) -> str:
    """Returns a count with thousands separated."""
    return f"{rows:,}"


def number_text(number: float) -> str:
    """Returns a number to four significant digits, large ones with thousands separated.

    >>> number_text(0.123456), number_text(29523.0), number_text(7.0)
    ('0.1235', '29,520', '7')
    """
    return f"{float(f'{number:.4g}'):,.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def share_text(part: int, whole: int) -> str:
    """Returns a share in percent; "0 %" is none at all, and "100 %" is all."""
    if whole <= 0:
        return "–"
    percent = 100 * part / whole
    if part and percent < 0.1:
        return "< 0.1 %"
    if part < whole and percent >= 99.95:
        return "> 99.9 %"
    if part in (0, whole):
        return f"{percent:.0f} %"
    return f"{percent:.1f} %"


def size_text(size_bytes: int) -> str:
    """Returns a size in decimal units, as disks and hubs count."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.95:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} PB"


def month_text(seconds: float) -> str:
    """Returns the month of a time, in UTC, as the European Union's forms have it.

    >>> month_text(0)
    '01/1970'
    """
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%m/%Y")


def duration_text(seconds: float) -> str:
    """Returns a duration as people say it, a short one with tenths of seconds.

    >>> duration_text(0.04), duration_text(3.21), duration_text(75), duration_text(7260)
    ('0 s', '3.2 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s" if seconds >= 0.05 else "0 s"
    return rounded_duration(seconds)


def shown(text: str) -> str:
    """Returns the text with every character that cannot be shown replaced, so that the page is always valid UTF-8."""
    return _UNSHOWABLE.sub("\ufffd", text)


def clipped(text: str, limit: int) -> str:
    """Returns at most `limit` code points of the text, an ellipsis last where it was cut, accents left whole."""
    text = shown(text)
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 0 and (unicodedata.combining(text[end]) or text[end] in _JOINERS or text[end - 1] in _JOINERS):
        end -= 1
    return text[: end or limit - 1].rstrip() + "…"


def clipped_middle(text: str, limit: int) -> str:
    """Returns at most `limit` code points: the start, which names the host, and the end, which names the file."""
    text = shown(text)
    if len(text) <= limit:
        return text
    tail = limit // 3
    return f"{text[: limit - tail - 1]}…{text[-tail:]}"
