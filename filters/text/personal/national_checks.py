"""Whether signs, without blanks, are a number by which a state knows a person: by its check digits, date and letters.

Each takes capital letters and digits, as many as the number has. Who is named gives the number, or its rule.

>>> is_brazilian_cpf("52998224725"), is_spanish_dni("12345678Z"), is_codice_fiscale("RSSMRA85T10A562T")
(True, True, False)
"""

from __future__ import annotations

from babelsift.filters.text.personal.check_digits import (
    is_birth_date,
    passes_luhn,
    passes_mod_11_10,
    sums_to,
    weighted,
)

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_HETU_SIGNS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_CHINESE_CHECKS = "10X98765432"
_CODICE_DIGITS = str.maketrans("LMNPQRSTUV", "0123456789")  # where two people would have the same number
# What a sign in an odd place counts, by A to Z, or 0 to 9 (Decreto ministeriale 23 December 1976).
_CODICE_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_CURP_SIGNS = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"


def is_us_ssn(number: str) -> bool:
    """Returns whether the Social Security Administration may give it: no area 000, 666 or 9xx, no zeros alone."""
    return number[:3] not in ("000", "666") and number[0] != "9" and number[3:5] != "00" and number[5:] != "0000"


def is_british_nino(number: str) -> bool:
    """Returns whether HMRC gives its first letters (NIM39110); there is no check digit."""
    return number[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def is_german_tax_id(number: str) -> bool:
    """Returns whether the BZSt gives it: one of ten digits is there twice or three times (§ 139b AO); a check digit."""
    counts = sorted(number[:10].count(digit) for digit in set(number[:10]))
    return number[0] != "0" and counts[-1] in (2, 3) and counts[-2] == 1 and passes_mod_11_10(number)


def is_french_nir(number: str) -> bool:
    """Returns whether INSEE gives it: the last two are 97 less the rest by 97; Corsica's places have a letter."""
    digits = number.replace("2A", "19").replace("2B", "18")
    return digits.isdigit() and 97 - int(digits[:13]) % 97 == int(digits[13:])


def is_spanish_dni(number: str) -> bool:
    """Returns whether its letter fits (Ministerio del Interior); a foreigner's X, Y or Z counts as 0, 1 or 2."""
    return _DNI_LETTERS[int(number[:-1].translate(str.maketrans("XYZ", "012"))) % 23] == number[-1]


def is_codice_fiscale(number: str) -> bool:
    """Returns whether its day is one and its last letter fits (Agenzia delle Entrate)."""
    digits = number[6:8] + number[9:11] + number[12:15]
    day = int(digits[2:4].translate(_CODICE_DIGITS))
    if not digits.translate(_CODICE_DIGITS).isdigit() or not 1 <= (day - 40 if day > 40 else day) <= 31:
        return False
    places = [int(sign, 36) - 10 if sign.isalpha() else int(sign) for sign in number]
    return (sum(_CODICE_ODD[place] for place in places[:15:2]) + sum(places[1:15:2])) % 26 == places[15]


def is_brazilian_cpf(number: str) -> bool:
    """Returns whether its two check digits fit (Receita Federal)."""
    first = weighted(number, range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(number, range(11, 1, -1)) * 10 % 11 % 10
    return len(set(number)) > 1 and number[9:] == f"{first}{second}"


def is_chinese_number(number: str) -> bool:
    """Returns whether its date is one and its last sign fits (GB 11643-1999)."""
    place = _CHINESE_CHECKS[weighted(number[:17], [2**power % 11 for power in range(17, 0, -1)]) % 11]
    return number[17] == place and is_birth_date(number[6:10], number[10:12], number[12:14])


def is_korean_rrn(number: str) -> bool:
    """Returns whether its date and check digit fit; who was born since October 2020 may have any last digits."""
    if not is_birth_date(number[:2], number[2:4], number[4:6]):
        return False
    total = weighted(number, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11
    own, foreign = (11 - total) % 10, (13 - total) % 10
    return (number[6] in "3478" and number[:4] >= "2010") or int(number[12]) == (
        foreign if number[6] in "5678" else own
    )


def is_pesel(number: str) -> bool:
    """Returns whether its date, centuries told by 20 to 80 added to the month, and check digit fit (gov.pl)."""
    return is_birth_date(number[:2], f"{int(number[2:4]) % 20:02d}", number[4:6]) and sums_to(
        (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), 10
    )(number)


def is_turkish_number(number: str) -> bool:
    """Returns whether its two check digits fit (Nüfus ve Vatandaşlık İşleri)."""
    digits = [int(digit) for digit in number]
    tenth = (sum(digits[:9:2]) * 7 - sum(digits[1:8:2])) % 10
    return digits[9] == tenth and sum(digits[:10]) % 10 == digits[10]


def is_swedish_number(number: str) -> bool:
    """Returns whether its date and check digit fit (Skatteverket)."""
    return is_birth_date(number[:-8], number[-8:-6], number[-6:-4]) and passes_luhn(number[-10:])


def is_finnish_number(number: str) -> bool:
    """Returns whether its date and check sign fit (DVV); given without the sign for the century."""
    is_date = is_birth_date(number[4:6], number[2:4], number[:2])
    return is_date and _HETU_SIGNS[int(number[:9]) % 31] == number[9]


def is_norwegian_number(number: str) -> bool:
    """Returns whether its date and two check digits fit (Skatteetaten)."""
    checks = sums_to((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), 11), sums_to((5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), 11)
    return is_birth_date(number[4:6], number[2:4], number[:2]) and all(check(number) for check in checks)


def is_belgian_number(number: str) -> bool:
    """Returns whether its date and check digits fit; a 2 is put before who was born since 2000 (Rijksregister)."""
    bases = [number[:9], *(["2" + number[:9]] if number < "5" else [])]
    checks = {97 - int(base) % 97 for base in bases}
    return is_birth_date(number[:2], number[2:4], number[4:6]) and int(number[9:]) in checks


def is_swiss_ahv(number: str) -> bool:
    """Returns whether its check digit, that of an EAN-13, fits (Zentrale Ausgleichsstelle)."""
    return sums_to((1, 3) * 6 + (1,), 10)(number)


def is_czech_number(number: str) -> bool:
    """Returns whether its date, women's months 50 later, and check digit fit; Slovakia's, too."""
    month = int(number[2:4]) % 50 % 20
    return is_birth_date(number[:2], f"{month:02d}", number[4:6]) and int(number[:9]) % 11 % 10 == int(number[9])


def is_curp(number: str) -> bool:
    """Returns whether its date and check digit fit (RENAPO)."""
    total = sum(_CURP_SIGNS.index(sign) * (18 - index) for index, sign in enumerate(number[:17]))
    is_date = is_birth_date(number[4:6], number[6:8], number[8:10])
    return is_date and str(-total % 10) == number[17]


def is_chilean_rut(number: str) -> bool:
    """Returns whether its check sign fits (Servicio de Impuestos Internos)."""
    total = weighted(number[-2::-1], (2, 3, 4, 5, 6, 7, 2, 3))
    return "0123456789K0"[-total % 11 if total % 11 else 0] == number[-1]


def is_snils(number: str) -> bool:
    """Returns whether its check digits fit (Russia's pension fund)."""
    return weighted(number, range(9, 0, -1)) % 101 % 100 == int(number[9:])


def is_south_african_number(number: str) -> bool:
    """Returns whether its date and check digit fit (Department of Home Affairs)."""
    return is_birth_date(number[:2], number[2:4], number[4:6]) and passes_luhn(number)


def is_my_number(number: str) -> bool:
    """Returns whether its check digit fits (総務省令 no. 85 of 2014)."""
    rest = weighted(number[-2::-1], (2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6)) % 11
    return int(number[-1]) == (0 if rest <= 1 else 11 - rest)
