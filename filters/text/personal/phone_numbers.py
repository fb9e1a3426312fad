"""Phone numbers in texts, as countries write them; not dates, prices, sizes, product codes, ISBNs or EANs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from babelsift.filters.strings import Pattern

_BLANK = " \t\u00a0\u2009\u202f"
_GAP_SIGNS = f"{_BLANK}./\u2010-\u2015\\-"
_CALL_WORDS = (
    r"tel[ée]?(?:phone|fono|fon|fone|foon|fax)?|phone|call(?: us)?|mobile?|cell|fax|whats ?app|sms|t[ée]l|"
    r"тел(?:ефон)?|моб|факс|τηλ|电话|電話|手机|手機|热线|전화|휴대폰|هاتف|تلفون|جوال|موبایل|تلفن|טלפון|โทร|फोन|"
    r"फ़ोन|ফোন|điện thoại|telp"
)
_INTERNATIONAL = rf"[1-9](?:[{_GAP_SIGNS}]?\(?\d\)?){{7,14}}"
_ANNOUNCED = rf"\+?\(?\d(?:[{_GAP_SIGNS}()]{{0,2}}\d){{5,13}}"
# Grouped digits that nothing announces: only forms that no date, size or code has.
_NATIONAL = (
    # North America: (212) 555-0123, 212-555-0123, 1.800.555.0123.
    r"(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-.])[2-9]\d\d[-. ]\d{4}",
    # A trunk zero: 030 1234567, 06 12 34 56 78, 020-7946-0958, 01.23.45.67.89, (030)1234567.
    r"\(?0[1-9]\d{0,3}\)?[ \-/](?:\d[ -]?){5,8}\d",
    r"0[1-9](?:\.\d\d){4}",
    r"\(0[1-9]\d{0,3}\)\d{5,8}",
    # Any area code in brackets: (11) 91234-5678, 8 (495) 123-45-67, (91) 123 4567.
    r"(?:[78][ -]?)?\([1-9]\d{1,3}\)[ -]?(?:\d{3,5}[ .-]\d{4}|\d{3}[ .-]\d\d[ .-]\d\d)",
    # Eastern Europe: 8-800-555-35-35, 22 123-45-67.
    r"8[ -]\d{3}[ -]\d{3}[ -]\d\d[ -]\d\d",
    r"\d{2,3}[ -]\d{3}-\d\d-\d\d",
    # Mobile and service numbers of China: 138-1234-5678, 400-123-4567, 400-1234-567.
    r"1[3-9]\d[ -]\d{4}[ -]\d{4}",
    r"[48]00-(?:\d{3}-\d{4}|\d{4}-\d{3})",
    # Spain: 612 34 56 78.
    r"[6-9]\d\d(?: \d\d){3}",
)
_NOT_INSIDE = r"(?<![\w+$€£¥₹])(?<!\d[-./, ])"
# A year range or a date and its time can look like an area code and a number.
_NO_DATE = (
    r"(?!\d\d[ \-/]\d\d[ \-/]\d{4}\b)(?!\d\d[ \-/](?:19|20)\d\d\b)(?!\d\d[ \-/]\d\d[ \-/]\d\d \d?\d[:.h])"
    r"(?!\d{3}[ -](?:19|20)\d\d[ -](?:19|20)\d\d)(?!\((?:19|20)\d\d\))"
)
_NO_MORE = r"(?![-./:,]?\d)(?! ?(?:mm|cm|m|px|kg|g|ml|l|€|\$|£|usd|eur)\b)"
_PHONE = re.compile(
    rf"(?<![\w+])(?:\+|(?<!\d[-./ ])00){_INTERNATIONAL}(?!\d)"
    rf"|(?:(?<=^)|(?<=\W)|(?<=\d))(?:{_CALL_WORDS})\W{{1,3}}?(?P<announced>{_ANNOUNCED})(?!\d)"
    rf"|(?P<national>{_NOT_INSIDE}{_NO_DATE}(?:{'|'.join(_NATIONAL)}){_NO_MORE})",
    re.IGNORECASE,
)
# Names of codes; a number after such a name is no phone's.
_CODE_WORDS = re.compile(
    r"(?:\b(?:isbn|issn|ean|upc|gtin|asin|sku|ref|art|item|model|part|no|nr|n|id|code|oem|cas|mpn|lot|serial|p/?n|s/?n)"
    r"|[#№])(?:\W{0,2}(?:no|nr|number|code|10|13))?[\s.:#-]*\Z",
    re.IGNORECASE,
)
_LONGEST_CODE_WORDS = 30
_FEWEST_DIGITS, _FEWEST_ANNOUNCED_DIGITS = 7, 6

# The same forms without their surroundings, in RE2's syntax.
LIKELY = Pattern(
    "(?i)"
    + "|".join(
        (rf"(?:\+|00){_INTERNATIONAL}", rf"(?:{_CALL_WORDS})\W{{1,3}}{_ANNOUNCED}", *_NATIONAL),
    ).replace(r"\d", r"\p{Nd}")
)


def phone_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yields where the phone numbers of a text start and end.

    Those are international ones, any after a word such as "tel", and national ones in forms that nothing else has.
    """
    for match in _PHONE.finditer(text):
        kind = "announced" if match["announced"] else 0
        start, end = match.span(kind)
        fewest = _FEWEST_ANNOUNCED_DIGITS if kind else _FEWEST_DIGITS
        if sum(map(str.isdigit, text[start:end])) < fewest:
            continue
        if match["national"] and _CODE_WORDS.search(text[max(start - _LONGEST_CODE_WORDS, 0) : start]):
            continue
        yield start, end
