"""URLs whose shape tells that they lead to no photograph, and URLs whose owners do not want them used."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.urls.rules import trim_urls

# A word of a path or query stands between these, so that "lexicon" has no icon in it and "pixels" no pixel.
_EDGE = r"[/_.?&=+,~%0-9-]"
_WORDS = (
    r"favicon[s]?|apple-touch-icon|mstile|touch-?icon|icon[s]?|ico|sprite[s]?|spritesheet|spacer|blank|transparent|"
    r"clear(?:dot|pixel|gif)|clear\.gif|pixel\.(?:gif|png|php|jpe?g)|tracking-?pixel|track(?:er|ing)?\.(?:gif|png|php)|"
    r"trackingpixel|dot\.gif|beacon[s]?|webbug|emoji[s]?|smil(?:ey|ies)|emoticon[s]?|loader|loading|"
    r"ajax-?loader|spinner"
)
_SIZES = r"[/_.?&=+,~%-](?:1x1|1px|2x2|0x0)(?:[/_.?&=+,~%-]|$)"
_IN_PATH = rf"(?i)(?P<shape>{_EDGE}(?:{_WORDS})(?:{_EDGE}|$)|{_SIZES}|\.(?:ico|cur|svgz?)(?:[?#]|$))"
_HOSTS = (
    r"(?i)(?P<shape>//(?:[^/]*\.)?(?:pixel|beacon|b\.scorecardresearch|doubleclick|google-analytics|googletagmanager)"
    r"\.[a-z.]+(?:/|$)|facebook\.com/tr(?:\?|/))"
)
_UP_TO_PATH = r"^[A-Za-z+.-]*:?//[^/?#]*"
_MAX_PREFIX_CHARACTERS = 2000  # a URL of nothing but slashes would be cut at each of them
_COMPARED = r"^(?:(?i:https?):)?//(?P<host>[^/?#]*)(?P<rest>[^#]*)"


def find_non_photo(urls: pa.Array) -> pa.LargeStringArray:
    """Returns the part of each URL that tells it is no photograph: a tracking pixel, spacer, icon, sprite or loader.

    Args:
        urls: string[n], nullable.

    Returns:
        large_string[n], null where there is none or the URL is null.

    >>> find_non_photo(pa.array(["http://example.com/favicon.ico", "http://example.com/lexicon.jpg", None])).to_pylist()
    ['/favicon.', None, None]
    """
    strings = trim_urls(urls)
    by_host = pc.struct_field(pc.extract_regex(strings, _HOSTS), "shape")
    paths = pc.replace_substring_regex(strings, _UP_TO_PATH, "")
    return pc.coalesce(by_host, pc.struct_field(pc.extract_regex(paths, _IN_PATH), "shape"))


def is_not_non_photo(urls: pa.Array) -> pa.BooleanArray:
    """Keeps URLs that do not look like tracking pixels, spacers, icons, sprites or loaders; see `find_non_photo`.

    Args:
        urls: string[n], nullable.

    Returns:
        bool[n], no nulls; a null URL is not kept.

    >>> is_not_non_photo(pa.array(["http://example.com/pixel.gif", "http://example.com/dog.jpg", None])).to_pylist()
    [False, True, False]
    """
    return pc.and_(find_non_photo(urls).is_null(), trim_urls(urls).is_valid())


def comparable_urls(urls: pa.Array) -> pa.LargeStringArray:
    """Returns URLs as opt-out lists are compared: no blanks around, no http or https, host in lower case, no fragment.

    Args:
        urls: string[n], nullable.

    Returns:
        large_string[n], null where the URL is.

    >>> comparable_urls(pa.array(["https://Example.com/a.jpg#top", None])).to_pylist()
    ['example.com/a.jpg', None]
    """
    strings = trim_urls(urls)
    parts = pc.extract_regex(strings, _COMPARED)
    joined = pc.binary_join_element_wise(
        pc.utf8_lower(pc.struct_field(parts, "host")), pc.struct_field(parts, "rest"), pa.scalar("", pa.large_string())
    )
    return pc.coalesce(joined, strings)


def is_not_opted_out(urls: pa.Array, *, opted_out_urls: Collection[str]) -> pa.BooleanArray:
    """Keeps URLs that are on no opt-out list; http and https, the host's case and the fragment make no difference.

    Args:
        urls: string[n], nullable.
        opted_out_urls: URLs; one that ends in /* stands for all that begin with what is before the star. A frozenset is
            taken as `parse_urls` returned it.

    Returns:
        bool[n], no nulls; a null URL is not kept.

    >>> urls = pa.array(["https://example.com/a.jpg", "http://example.com/b.jpg", None])
    >>> is_not_opted_out(urls, opted_out_urls=["http://EXAMPLE.com/a.jpg"]).to_pylist()
    [False, True, False]
    >>> is_not_opted_out(urls, opted_out_urls=["example.com/*"]).to_pylist()
    [False, False, False]
    """
    listed = opted_out_urls if isinstance(opted_out_urls, frozenset) else parse_urls(opted_out_urls)
    kept = [url is not None and not _is_listed(url, listed) for url in comparable_urls(urls).to_pylist()]
    return pa.array(np.array(kept, dtype=bool))


def _is_listed(url: str, listed: frozenset[str]) -> bool:
    if url in listed:
        return True
    end = url.find("/") + 1
    while end and end <= _MAX_PREFIX_CHARACTERS:
        if f"{url[:end]}*" in listed:
            return True
        end = url.find("/", end) + 1
    return False


def parse_urls(entries: Collection[str]) -> frozenset[str]:
    """Returns the URLs of an opt-out list as `comparable_urls` has them.

    Args:
        entries: as users write them.
    """
    return frozenset(comparable_urls(pa.array(list(entries), pa.large_string())).to_pylist())
