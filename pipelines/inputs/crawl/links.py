"""URLs of a page's images: made absolute as browsers and cc2dataset do, and chosen from `srcset`."""

from __future__ import annotations

import contextlib
import re
from urllib.parse import urljoin

# What absolute URLs of the web begin with.
WEB = ("http://", "https://")
# A path from the root that `urljoin` leaves as it is: no dots alone, no empty parts.
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~%+@$!-][A-Za-z0-9_.~%+@$!-]*)+/?(?:\?[A-Za-z0-9_.~%+@$!=&,:-]+)?", re.ASCII)
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:-]+(?=/|$)", re.ASCII)
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
_MAX_URL_CHARACTERS = 1 << 13
_CANDIDATE = re.compile(r"[\s,]*(\S+?)(?:,(?=\s|$)|(?:\s+([^,]*?))?\s*(?:,|$))")


class Base:
    """What a page's relative URLs are relative to.

    Args:
        page_url: the page's own URL.
        base: the `href` of its `base` element, if it has one.
    """

    def __init__(self, page_url: str, base: str | None = None) -> None:
        self.url = page_url
        if base:
            with contextlib.suppress(ValueError):
                self.url = urljoin(page_url, base)
        origin = _ORIGIN.match(self.url)
        self._origin = origin.group() if origin else None

    def absolute(self, url: str) -> str:
        """Returns a URL as an absolute one where that can be told; an absolute one as it is.

        >>> Base("https://example.org/a/b.html", "/media/").absolute("dog.jpg")
        'https://example.org/media/dog.jpg'
        """
        if url.startswith(WEB):
            return url
        if self._origin is not None and _PLAIN_PATH.fullmatch(url):
            return self._origin + url
        try:
            return urljoin(self.url, url)
        except ValueError:
            return url


def other_scheme(url: str) -> str | None:
    """Returns the scheme of an absolute URL that is no web address, "" where it has none; None where it is one.

    >>> other_scheme("data:image/gif;base64,R0lG"), other_scheme("https://example.org/a.jpg")
    ('data', None)
    """
    if url.startswith(WEB):
        return None
    scheme = _SCHEME.match(url)
    if scheme is None:
        return ""
    return None if scheme.group(1).lower() in ("http", "https") else scheme.group(1).lower()


def shortened(url: str) -> str:
    """Returns a URL as the ledger keeps it: of what is longer than any address, as `data:` ones are, the beginning."""
    return url if len(url) <= _MAX_URL_CHARACTERS else url[:_MAX_URL_CHARACTERS]


def largest_of_srcset(srcset: str) -> str | None:
    """Returns the URL of the largest image that a `srcset` attribute names; None where it names none.

    >>> largest_of_srcset("small.jpg 320w, large.jpg 1280w")
    'large.jpg'
    """
    largest, size = None, -1.0
    for url, descriptor in _CANDIDATE.findall(" ".join(srcset[:_MAX_URL_CHARACTERS].split())):
        measured = _size(descriptor)
        if url != "," and measured > size:
            largest, size = url.rstrip(","), measured
    return largest or None


def _size(descriptor: str) -> float:
    number = re.match(r"\s*([0-9]+(?:\.[0-9]+)?)[wx]", descriptor or "")
    return float(number.group(1)) if number else 1.0
