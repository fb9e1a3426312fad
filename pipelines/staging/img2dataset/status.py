"""What img2dataset's statuses and error texts say, as our reject reasons.

Its texts are its own fixed ones and, for everything else, whatever exception of urllib, http.client, ssl or cv2 it met.
"""

from __future__ import annotations

import re

from babelsift.pipelines.fetch.failure import short
from babelsift.pipelines.staging.layout import FAILED_TO_RESIZE
from babelsift.schemas import RejectReason

OPTED_OUT = "Use of image disallowed by X-Robots-Tag directive"
DECODING_ERROR = "Image decoding error"
HASH_MISMATCH = "hash mismatch"
IMAGE_ERRORS = {
    RejectReason.IMAGE_TOO_SMALL: "image too small",
    RejectReason.IMAGE_AREA_TOO_LARGE: "image area too large",
    RejectReason.ASPECT_RATIO_TOO_LARGE: "aspect ratio too large",
    RejectReason.HAS_FACES: "has faces",
}
_FIXED = {text: reason for reason, text in IMAGE_ERRORS.items()} | {
    OPTED_OUT: RejectReason.OPTED_OUT,
    HASH_MISMATCH: RejectReason.HASH_MISMATCH,
    DECODING_ERROR: RejectReason.IMAGE_UNDECODABLE,
}
_STATUS = re.compile(r"HTTP Error (\d{3})\b")
# The first that is found in a text says what it is; more telling ones stand first.
_MET: tuple[tuple[RejectReason, str], ...] = (
    (RejectReason.TOO_MANY_REDIRECTS, "infinite loop"),
    (RejectReason.TIMEOUT, "timed out"),
    (
        RejectReason.DNS_FAILURE,
        "name or service not known|name resolution|no address associated|getaddrinfo failed|nodename nor",
    ),
    (RejectReason.TLS_FAILURE, "ssl|certificate|eof occurred in violation|tls"),
    (RejectReason.TRUNCATED_BODY, "incompleteread"),
    (
        RejectReason.URL_INVALID,
        "unknown url type|no host given|nonnumeric port|control characters|codec can't encode|idna|invalid ipv6"
        "|label empty or too long|invalid url|nfkc|not a valid url",
    ),
    (
        RejectReason.CONNECTION_FAILURE,
        "connection re|connection aborted|remote end closed|no route to host|network is unreachable|broken pipe"
        "|cannot assign requested|host is down",
    ),
)


def reason_of(status: str | None, error_message: str | None) -> tuple[RejectReason, str]:
    """Returns (the reason, the value for the ledger) of a row that is no success.

    A text that says nothing known is a PROTOCOL_ERROR where the download failed, IMAGE_UNDECODABLE where resizing did.
    """
    text = short(error_message or status or "no status")
    if (fixed := _FIXED.get(text)) is not None:
        return fixed, text
    if status == FAILED_TO_RESIZE:
        return RejectReason.IMAGE_UNDECODABLE, text
    lower = text.lower()
    met = next((reason for reason, signs in _MET if re.search(signs, lower)), None)
    if met is not RejectReason.TOO_MANY_REDIRECTS and (code := _STATUS.match(text)):
        return RejectReason.HTTP_STATUS, code.group(1)
    return met or RejectReason.PROTOCOL_ERROR, text
