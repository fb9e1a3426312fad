"""One spelling for the URLs that lead to one image, to compare them by; the URL that is fetched stays as it is."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import clean_strings

_SCHEMES = ("http", "https")
# The schemes count as one, and so do their ports.
_DEFAULT_PORTS = ("", "80", "443")
_BLANKS = "".join(map(chr, range(33)))
# Parameters that tell a site where its visitors come from, and that no site chooses an image by.
_TRACKING_NAMES = (
    "fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid twclid ttclid igshid igsh mc_cid mc_eid _ga _gl _hsenc "
    "_hsmi hsctatracking mkt_tok vero_id vero_conv oly_anon_id oly_enc_id wickedid srsltid s_kwcid ef_id zanpid "
    "_openstat rb_clickid ml_subscriber ml_subscriber_hash __s __hstc __hssc __hsfp"
)
_TRACKING = frozenset(_TRACKING_NAMES.split())
_TRACKING_PREFIXES = ("utm_", "pk_", "mtm_", "piwik_", "matomo_", "hsa_", "at_campaign", "at_medium")
# URLs that need no change: lower-case https and host, no port, no fragment, no query but a plain path.
_CANONICAL = r"^https://[a-z0-9-]+(?:\.[a-z0-9-]+)+/[!\"$-\[\]-~]*$"
_PLAIN_PATH = r"[?#]|/\.\.?(?:/|$)"


def canonical_urls(urls: pa.Array) -> pa.LargeStringArray:
    """Returns URLs in a spelling that is the same for URLs that lead to the same image.

    http becomes https; scheme and host are in lower case, without a final dot; default ports, the fragment, empty
    queries and tracking parameters (utm_*, fbclid, gclid ...) go. Path, the order of parameters, `www.` and escapes
    stay: servers tell those apart. A URL that cannot be taken apart stays as it is.

    Args:
        urls: string[n], nullable.

    Returns:
        large_string[n], null where the URL is.

    >>> canonical_urls(pa.array(["HTTP://Example.COM:80/a.jpg?utm_source=x&id=3#top", None])).to_pylist()
    ['https://example.com/a.jpg?id=3', None]
    """
    strings = pc.utf8_trim(clean_strings(urls), _BLANKS)
    plain = pc.and_(
        pc.match_substring_regex(strings, _CANONICAL), pc.invert(pc.match_substring_regex(strings, _PLAIN_PATH))
    )
    rows = np.flatnonzero(~pc.fill_null(plain, True).to_numpy(zero_copy_only=False))
    if not len(rows):
        return strings
    changed = np.zeros(len(strings), dtype=bool)
    changed[rows] = True
    texts = [_canonical(url) for url in strings.take(pa.array(rows)).to_pylist()]
    return pc.replace_with_mask(strings, pa.array(changed), pa.array(texts, pa.large_string()))


def _canonical(url: str) -> str:
    try:
        parts = urlsplit(url)
        if parts.scheme.lower() not in _SCHEMES or not parts.hostname:
            return url
        host = _host_and_port(parts)
    except ValueError:  # urllib's word for brackets, ports and characters that no host has
        return url
    query = "&".join(name for name in parts.query.split("&") if name and not _is_tracking(name))
    return f"https://{host}{parts.path or '/'}{'?' + query if query else ''}"


def _host_and_port(parts: SplitResult) -> str:
    user, at, address = parts.netloc.rpartition("@")
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isdecimal() or not port):  # the last colon may be inside [an IPv6 address]
        host, port = address, ""
    port = port.lstrip("0") or ("0" if port else "")
    suffix = "" if port in _DEFAULT_PORTS else f":{port}"
    return f"{user}{at}{host.lower().rstrip('.')}{suffix}"


def _is_tracking(parameter: str) -> bool:
    name = parameter.partition("=")[0].lower()
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)
