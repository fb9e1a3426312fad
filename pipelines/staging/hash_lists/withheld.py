"""The row that staging keeps of an image on a hash list: its uid, the list's name, and of its URL a digest alone.

By that digest later pairs of the URL find that it is not to be downloaded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from babelsift.filters.uids import digests
from babelsift.pipelines.staging.layout import FAILED_TO_RESIZE, STAGED_SCHEMA
from babelsift.schemas import RejectReason

_PREFIX = "withheld:"
_ERROR = "on a hash list"


def as_withheld(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Returns the record of a pair whose image is on a list: nothing of it but its uid and the digest of its URL.

    Args:
        record: of STAGED_SCHEMA, with uid, url and key.
        name: the list's.
    """
    return {
        **dict.fromkeys(STAGED_SCHEMA.names),
        "uid": record["uid"],
        "url": withheld_urls(pa.array([record["url"]], pa.string())).to_pylist()[0],
        "caption": "",
        "key": record["key"],
        "status": FAILED_TO_RESIZE,
        "error_message": _ERROR,
        "reason": RejectReason.ON_HASH_LIST.value,
        "detail": name,
    }


def withheld_urls(urls: pa.Array) -> pa.Array:
    """Returns string[n], what withheld rows have in the place of URLs."""
    content = digests(urls).tobytes()
    return pa.array([_PREFIX + content[16 * row : 16 * row + 16].hex() for row in range(len(urls))], pa.string())
