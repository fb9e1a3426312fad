"""Check digits: whether the digits of a number go together, as who issued it made them do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial

Check = Callable[[str], bool]

_VERHOEFF_PRODUCT = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_MOVED = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_FIRST_YEAR, _LAST_YEAR = 1900, 2049  # not by the clock: equal inputs give equal outputs in any year


def passes_luhn(digits: str) -> bool:
    """Returns whether digits pass ISO/IEC 7812's check, as payment cards and Swedish numbers do.

    >>> passes_luhn("4111111111111111"), passes_luhn("4111111111111112")
    (True, False)
    """
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def passes_verhoeff(digits: str) -> bool:
    """Returns whether digits pass Verhoeff's check, as India's Aadhaar does.

    >>> passes_verhoeff("2363"), passes_verhoeff("2364")
    (True, False)
    """
    check = 0
    for index, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_PRODUCT[check][int(_VERHOEFF_MOVED[index % 8][int(digit)])])
    return check == 0


def passes_mod_11_10(digits: str) -> bool:
    """Returns whether digits pass ISO/IEC 7064's MOD 11,10, as German tax numbers do.

    >>> passes_mod_11_10("86095742719"), passes_mod_11_10("86095742718")
    (True, False)
    """
    product = 10
    for digit in digits[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def passes_mod_97(number: str) -> bool:
    """Returns whether an IBAN passes ISO/IEC 7064's MOD 97-10, its first four characters moved to the end.

    >>> passes_mod_97("GB82WEST12345698765432"), passes_mod_97("GB83WEST12345698765432")
    (True, False)
    """
    return int("".join(str(int(sign, 36)) for sign in number[4:] + number[:4])) % 97 == 1


def weighted(digits: str, weights: Sequence[int]) -> int:
    """Returns the sum of digits, each by its weight; further digits count nothing.

    >>> weighted("123", (3, 2, 1))
    10
    """
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def sums_to(weights: Sequence[int], modulus: int) -> Check:
    """Returns a check of whether the weighted sum is a multiple of a number."""
    return partial(_is_multiple, weights=tuple(weights), modulus=modulus)


def _is_multiple(digits: str, weights: Sequence[int], modulus: int) -> bool:
    return weighted(digits, weights) % modulus == 0


def is_birth_date(year: str, month: str, day: str) -> bool:
    """Returns whether somebody who lives or lived may have been born on a date, since 1900.

    Args:
        year: of two digits, any century, or of four.
        month, day: of two digits.

    >>> is_birth_date("00", "02", "29"), is_birth_date("1985", "02", "29")
    (True, False)
    """
    century = "20" if len(year) == 2 else ""  # 2000 had a leap day, as 1900 had not: rather one too many
    try:
        born = date(int(century + year), int(month), int(day))
    except ValueError:
        return False
    return bool(century) or _FIRST_YEAR <= born.year <= _LAST_YEAR
