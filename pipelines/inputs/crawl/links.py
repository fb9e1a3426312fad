"""URLs of a page's images: made absolute as browsers and cc2dataset do, and chosen from `srcset`."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from urllib.parse import urljoin

# What absolute URLs of the web begin with.
WEB = ("http://", "https://")
# A path from the root that `urljoin` leaves as it is: no dots alone, no empty parts.
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~%+@$!-][A-Za-z0-9_.~%+@$!-]*)+/?(?:\?[A-Za-z0-9_.~%+@$!=&,:-]+)?", re.ASCII)
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:-]+(?=/|$)", re.ASCII)
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
_MAX_URL_CHARACTERS = 1 << 13
_SRCSET_URL = re.compile(r"[\s,]*([^\s,]\S*)")
_DESCRIPTOR = re.compile(r"([^,(]*(?:\([^)]*\)?[^,(]*)*),?")
_MEASURE = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)[wx]")
_SCHEME_CHARACTERS = 16
_NO_ADDRESSES = ("data:", "about:", "javascript:", "blob:")


class Base:
    """What a page's relative URLs are relative to.

    Args:
        page_url: the page's own URL.
        base: the `href` of its `base` element, if it has one. One that leads to no web address is passed over.
    """

    def __init__(self, page_url: str, base: str | None = None) -> None:
        self.page_url = self.url = page_url
        if base:
            with contextlib.suppress(ValueError):
                joined = urljoin(page_url, base)
                self.url = joined if joined.lower().startswith(WEB) else page_url
        origin = _ORIGIN.match(self.url)
        self._origin = origin.group() if origin else None

    def absolute(self, url: str) -> str:
        """Returns a URL as an absolute one where that can be told; an absolute one as it is.

        One that is empty, or a fragment alone, is the page's own.

        >>> Base("https://example.org/a/b.html", "/media/").absolute("dog.jpg")
        'https://example.org/media/dog.jpg'
        """
        if url.startswith(WEB):
            return url
        if url.lstrip()[:1] in ("", "#"):
            return self.page_url
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
    """Returns the URL of the largest image that a `srcset` attribute names; None where it names none of the web.

    It is read as browsers do: a comma ends a URL only where a blank follows, so URLs may hold some.

    >>> largest_of_srcset("small.jpg 320w, /w_1280,h_720/large.jpg 1280w")
    '/w_1280,h_720/large.jpg'
    """
    largest, size = None, -1.0
    for url, descriptor in _candidates(srcset):
        measured = _size(descriptor)
        if measured > size and not is_no_address(url):
            largest, size = url, measured
    return largest


def is_no_address(url: str) -> bool:
    """Whether an attribute's value leads nowhere on the web: it holds the image itself, a script, or a fragment."""
    return not url or url.startswith("#") or url[:_SCHEME_CHARACTERS].lower().startswith(_NO_ADDRESSES)


def _candidates(srcset: str) -> Iterator[tuple[str, str]]:
    """Yields (URL, descriptor) of a `srcset`, as the HTML standard parses it."""
    position = 0
    while match := _SRCSET_URL.match(srcset, position):
        url, position = match.group(1), match.end()
        if url.endswith(","):
            yield url.rstrip(","), ""
            continue
        descriptor = _DESCRIPTOR.match(srcset, position)
        assert descriptor is not None
        position = descriptor.end()
        yield url, descriptor.group(1)


def _size(descriptor: str) -> float:
    number = _MEASURE.match(descriptor)
    return float(number.group(1)) if number else 1.0
