"""The row that staging keeps of an image on a hash list, or removed: its uid, and of its URL a digest alone.

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
_ERRORS = {RejectReason.ON_HASH_LIST: "on a hash list", RejectReason.REMOVED: "removed on request"}


def as_withheld(
    record: Mapping[str, Any], name: str, reason: RejectReason = RejectReason.ON_HASH_LIST
) -> dict[str, Any]:
    """Returns the record of a pair whose image is withheld: nothing of it but its uid and the digest of its URL.

    Args:
        record: of STAGED_SCHEMA, with uid, url and key.
        name: of the list that it is on; "": of none.
        reason: why, one of WITHHELD.
    """
    return {
        **dict.fromkeys(STAGED_SCHEMA.names),
        "uid": record["uid"],
        "url": withheld_urls(pa.array([record["url"]], pa.string())).to_pylist()[0],
        "caption": "",
        "key": record["key"],
        "status": FAILED_TO_RESIZE,
        "error_message": _ERRORS[reason],
        "reason": reason.value,
        "detail": name,
    }


def withheld_urls(urls: pa.Array) -> pa.Array:
    """Returns string[n], what withheld rows have in the place of URLs."""
    content = digests(urls).tobytes()
    return pa.array([_PREFIX + content[16 * row : 16 * row + 16].hex() for row in range(len(urls))], pa.string())
