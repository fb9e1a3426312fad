"""What captions hold of people, addresses and numbers of several kinds: found, or masked."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import CodePoints, Pattern, clean_strings, flatten, keep_mask
from babelsift.filters.text.personal import ibans, national_numbers, phone_numbers
from babelsift.filters.text.personal.check_digits import passes_luhn

Span = tuple[int, int]

_EMAIL = re.compile(
    r"(?<![\w.+%@-])[\w.+%'-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,24}(?![\w@-])", re.UNICODE
)
_IP_V4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\.?\w)")
_IP_V6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])")
_VERSION = re.compile(
    r"\b(?:v|ver|version|firmware|build|release|apk|driver|software|update|setup|edition|pro|lite|portable)[\s.:]*$",
    re.IGNORECASE,
)
_LONGEST_VERSION = 30
_CARD = re.compile(r"(?<![\d.,/-])(?<!\d )[2-6]\d{3}(?:[ -]?\d){8,15}(?!\d|[ -]\d)")
# Length and first digits of the issuers' numbers (ISO/IEC 7812): Visa, Mastercard, American Express, Discover, JCB,
# Diners Club, UnionPay, Maestro.
_ISSUERS = re.compile(
    r"4(?:\d{15}|\d{18})|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}|"
    r"(?:6011|64[4-9]\d|65\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|62\d{14,17}|"
    r"(?:50|5[6-9]|63|67)\d{14}"
)


@dataclass(frozen=True)
class _Kind:
    """How a kind of datum is found: the rows to look at, and its spans in a text."""

    fewest_digits: int
    signs: str
    likely: Pattern
    spans: Callable[[str], Iterator[Span]]
    mask: str


def _email_spans(text: str) -> Iterator[Span]:
    for match in _EMAIL.finditer(text):
        if not match[0].startswith(".") and ".." not in match[0]:
            yield match.span()


def _ip_spans(text: str) -> Iterator[Span]:
    for match in (*_IP_V4.finditer(text), *_IP_V6.finditer(text)):
        # Four numbers after "v" are a version; "::" and "12:30:45" are no addresses.
        if _VERSION.search(text[max(match.start() - _LONGEST_VERSION, 0) : match.start()]) or not any(
            character.isdigit() for character in match[0]
        ):
            continue
        try:
            ipaddress.ip_address(match[0])
        except ValueError:
            continue
        yield match.span()


def _card_spans(text: str) -> Iterator[Span]:
    for match in _CARD.finditer(text):
        digits = "".join(character for character in match[0] if character.isdigit())
        if digits.isascii() and _ISSUERS.fullmatch(digits) and passes_luhn(digits):
            yield match.span()


# Cards, accounts, national numbers and addresses before phone numbers: their digits could pass for a phone number.
_KINDS = {
    "emails": _Kind(0, "@", Pattern(r"[\pL\pN_+%'.-]@[\pL\pN]"), _email_spans, "[email]"),
    "payment_cards": _Kind(14, "", Pattern(r"(?:\d[ -]?){13}\d"), _card_spans, "[card]"),
    "ibans": _Kind(2, "", ibans.LIKELY, ibans.iban_spans, "[iban]"),
    "national_numbers": _Kind(6, "", national_numbers.LIKELY, national_numbers.national_number_spans, "[id]"),
    "ip_addresses": _Kind(1, ".:", Pattern(r"\d\.\d{1,3}\.\d{1,3}\.\d|[0-9a-fA-F:]:[0-9a-fA-F]*:"), _ip_spans, "[ip]"),
    "phone_numbers": _Kind(6, "", phone_numbers.LIKELY, phone_numbers.phone_spans, "[phone]"),
}
KINDS: tuple[str, ...] = tuple(_KINDS)


def find_personal_data(captions: pa.Array, *, kind: str) -> pa.LargeStringArray:
    """Returns the first datum of a kind in each caption.

    Args:
        captions: string[n], nullable.
        kind: one of KINDS: `emails`; `payment_cards`, by issuer, length and check digit (Luhn); `ibans`;
            `national_numbers`, as `national_number_spans` finds them; `ip_addresses`, both versions; `phone_numbers`,
            as `phone_spans` finds them.

    Returns:
        large_string[n], null where there is none or the caption is null.

    >>> find_personal_data(pa.array(["write to jo@example.com", "a dog", None]), kind="emails").to_pylist()
    ['jo@example.com', None, None]
    """
    strings, points = clean_strings(captions), flatten(captions)
    data = np.full(len(points), None, dtype=object)
    rows = _candidates(strings, points, _KINDS[kind])
    for row, text in zip(rows, strings.take(pa.array(rows, pa.int64())).to_pylist(), strict=True):
        span = next(_KINDS[kind].spans(text), None)
        if span is not None:
            data[row] = text[slice(*span)]
    return pa.array(data, pa.large_string())


def count_personal_data(captions: pa.Array, *, kind: str) -> pa.Int64Array:
    """Returns how many data of a kind each caption holds; see `find_personal_data`.

    Args:
        captions: string[n], nullable.
        kind: one of KINDS.

    Returns:
        int64[n], no nulls; of a null caption 0.

    >>> count_personal_data(pa.array(["a@b.de, c@d.org", "a dog", None]), kind="emails").to_pylist()
    [2, 0, 0]
    """
    strings, points = clean_strings(captions), flatten(captions)
    counts = np.zeros(len(points), np.int64)
    for row in _candidates(strings, points, _KINDS[kind]):
        counts[row] = sum(1 for _ in _KINDS[kind].spans(strings[row].as_py()))
    return pa.array(counts)


def is_free_of_personal_data(captions: pa.Array, *, kind: str) -> pa.BooleanArray:
    """Keeps captions without a datum of a kind; see `find_personal_data`.

    Args:
        captions: string[n], nullable.
        kind: one of KINDS.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    >>> captions = pa.array(["call +44 20 7946 0958", "est. 1984", None])
    >>> is_free_of_personal_data(captions, kind="phone_numbers").to_pylist()
    [False, True, False]
    """
    data = find_personal_data(captions, kind=kind)
    return keep_mask(data.is_null().to_numpy(zero_copy_only=False), flatten(captions))


def mask_personal_data(captions: pa.Array, *, kind: str) -> pa.LargeStringArray:
    """Returns captions with every datum of a kind replaced by [email], [card], [iban], [id], [ip] or [phone].

    Args:
        captions: string[n], nullable.
        kind: one of KINDS.

    Returns:
        large_string[n], null where the caption is.

    >>> mask_personal_data(pa.array(["server 192.0.2.7 is down", None]), kind="ip_addresses").to_pylist()
    ['server [ip] is down', None]
    """
    strings, points = clean_strings(captions), flatten(captions)
    rows = _candidates(strings, points, _KINDS[kind])
    if not len(rows):
        return strings
    texts = strings.take(pa.array(rows)).to_pylist()
    masked = [_masked(text, list(_KINDS[kind].spans(text)), _KINDS[kind].mask) for text in texts]
    marked = np.zeros(len(strings), dtype=bool)
    marked[rows] = True
    return pc.replace_with_mask(strings, pa.array(marked), pa.array(masked, pa.large_string()))


def _candidates(strings: pa.LargeStringArray, points: CodePoints, kind: _Kind) -> np.ndarray:
    """Returns int64[k], the few rows that are worth a closer look."""
    likely = points.digits >= kind.fewest_digits
    if kind.signs:
        likely &= points.count(points.among(kind.signs)) > 0
    rows = np.flatnonzero(likely)
    return rows[kind.likely.matches(strings.take(pa.array(rows, pa.int64())))]


def _masked(text: str, spans: list[Span], mask: str) -> str:
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + mask + text[end:]
    return text
