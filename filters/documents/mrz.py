"""The machine-readable zone of passports, visas and identity cards, by its check digits.

Source: ICAO Doc 9303, eighth edition 2021, parts 3 (check digits), 4 (passports, TD3), 5 and 6 (cards, TD1 and TD2).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from babelsift.filters.text.personal.check_digits import is_birth_date

_WEIGHTS = (7, 3, 1)
# What readers of text take for a filler or a digit.
_FILLERS = str.maketrans(dict.fromkeys("«‹〈く＜≪", "<"))
_DIGITS = str.maketrans("ODQILZSB", "00011258")
_DIGIT = "[0-9ODQILZSB]"
# Of all three formats: birth, check, sex, expiry, check. Passports and cards of two lines have number and state before.
_DATES = re.compile(rf"(?P<born>{_DIGIT}{{6}})({_DIGIT})[MFX<](?P<ends>{_DIGIT}{{6}})({_DIGIT})")
_BEFORE = re.compile(rf"(?P<number>[A-Z0-9<]{{9}})({_DIGIT}|<)[A-Z0-9<]{{3}}\Z")
_FIRST_LINE = re.compile(r"(?:P[A-Z<]|V[A-Z<]|[ACI][A-Z<])[A-Z<]{3}[A-Z0-9<]{5,}")
_CARD_NUMBER = re.compile(rf"[ACI][A-Z<][A-Z<]{{3}}(?P<number>[A-Z0-9<]{{9}})({_DIGIT}|<)")


@dataclass(frozen=True)
class MachineReadableZone:
    """What was read of a zone.

    Attributes:
        is_passport: whether it is a passport's, not that of a card or a visa.
        checks: how many of its check digits fit: of birth and expiry always, of the number where it was read well.
    """

    is_passport: bool
    checks: int


def find_mrz(lines: Sequence[str]) -> MachineReadableZone | None:
    """Returns the zone among lines of text, None where there is none with both dates and their check digits.

    Args:
        lines: as they were read, from top to bottom.

    >>> find_mrz(["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"])
    MachineReadableZone(is_passport=True, checks=3)
    """
    plain = [unicodedata.normalize("NFKC", line).translate(_FILLERS).upper().replace(" ", "") for line in lines]
    for index, line in enumerate(plain):
        for match in _DATES.finditer(line):
            dates = [match["born"].translate(_DIGITS), match["ends"].translate(_DIGITS)]
            digits = [match[2].translate(_DIGITS), match[4].translate(_DIGITS)]
            if not all(map(_is_date, dates)) or list(map(check_digit, dates)) != digits:
                continue
            before = _BEFORE.search(line[: match.start()])
            firsts = [one for one in plain[:index] if _FIRST_LINE.match(one)]
            card = next((found for one in firsts if (found := _CARD_NUMBER.match(one))), None)
            number = before or card
            if number is None and "<" not in line:
                continue  # digits alone, which fit by chance
            is_passport = before is not None and not (firsts and firsts[-1][0] in "ACIV")
            return MachineReadableZone(is_passport, 2 + _number_fits(number))
    return None


def _number_fits(number: re.Match[str] | None) -> bool:
    """Whether the check digit of a document's number fits; a filler stands for 0."""
    return number is not None and check_digit(number["number"]) == number[2].translate(_DIGITS).replace("<", "0")


def check_digit(field: str) -> str:
    """Returns the check digit of a field of a zone.

    >>> check_digit("L898902C3"), check_digit("740812")
    ('6', '2')
    """
    values = (0 if sign == "<" else int(sign, 36) for sign in field)
    return str(sum(value * _WEIGHTS[index % 3] for index, value in enumerate(values)) % 10)


def _is_date(digits: str) -> bool:
    return is_birth_date(digits[:2], digits[2:4], digits[4:])
