"""International bank account numbers, by country, length and check digits.

Source: SWIFT, IBAN Registry (ISO 13616), release 99, December 2024.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from babelsift.filters.strings import Pattern
from babelsift.filters.text.personal.check_digits import passes_mod_97

_LENGTHS = {
    15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
_LENGTH_OF = {country: length for length, countries in _LENGTHS.items() for country in countries.split()}
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d\d(?:[ -]?[A-Z0-9]){11,30}")
LIKELY = Pattern(r"[A-Z]{2}\d\d(?:[ -]?[A-Z0-9]){11}")


def iban_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yields where the IBANs of a text start and end.

    >>> text = "IBAN GB82 WEST 1234 5698 7654 32 BIC DEUTDEFF"
    >>> [text[start:end] for start, end in iban_spans(text)]
    ['GB82 WEST 1234 5698 7654 32']
    """
    for match in _IBAN.finditer(text):
        length = _LENGTH_OF.get(match[0][:2])
        places = [index for index, sign in enumerate(match[0]) if sign.isalnum()]
        if length is None or len(places) < length:
            continue
        end = places[length - 1] + 1
        is_cut = match.start() + end < len(text) and text[match.start() + end].isalnum()
        if not is_cut and passes_mod_97("".join(match[0][place] for place in places[:length])):
            yield match.start(), match.start() + end
