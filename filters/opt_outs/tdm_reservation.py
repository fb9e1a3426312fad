"""TDMRep: whether the rights to text and data mining are reserved, by a header or by a file of the host.

Source: W3C TDMRep Community Group, "TDM Reservation Protocol (TDMRep)", final report of 10 May 2024.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from babelsift.filters.opt_outs.path_rules import PathRules


def is_tdm_reserved(values: Iterable[str]) -> bool | None:
    """Returns whether `tdm-reservation` headers or metas reserve the rights; None where they say neither.

    One that reserves counts before one that does not. Values other than 1 and 0 say nothing.

    Args:
        values: of the headers, one each.

    >>> is_tdm_reserved(["1"]), is_tdm_reserved(["0"]), is_tdm_reserved(["maybe"]), is_tdm_reserved(["0", "1"])
    (True, False, None, True)
    """
    said = {part.strip().strip("\"'") for value in values for part in value.replace(";", ",").split(",")}
    return True if "1" in said else False if "0" in said else None


def parse_tdmrep(content: bytes) -> PathRules:
    """Returns which paths of a host are reserved by its /.well-known/tdmrep.json; none where it is not such a file.

    The longest location that matches a path decides. Entries that make no sense are passed over.

    Args:
        content: the file, its length bounded by the caller.

    >>> rules = parse_tdmrep(b'[{"location": "/photos/", "tdm-reservation": 1}]')
    >>> rules.forbid("https://a.example/photos/1.jpg"), rules.forbid("https://a.example/1.jpg")
    (True, False)
    """
    try:
        entries = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return PathRules([])
    entries = entries if isinstance(entries, list) else [entries]
    said = [(entry.get("location"), _reservation(entry)) for entry in entries if isinstance(entry, dict)]
    return PathRules((path, one) for path, one in said if isinstance(path, str) and path and one is not None)


def _reservation(entry: dict[str, object]) -> bool | None:
    value = entry.get("tdm-reservation")
    return is_tdm_reserved([str(int(value) if isinstance(value, (bool, float)) and value in (0, 1) else value)])
