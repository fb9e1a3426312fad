"""TDMRep: whether the rights to text and data mining are reserved, by a header.

Source: W3C TDMRep Community Group, "TDM Reservation Protocol (TDMRep)", final report of 10 May 2024.
"""

from __future__ import annotations

from collections.abc import Iterable


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
