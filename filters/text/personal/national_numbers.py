"""Numbers by which states know people, told by their check digits from product codes, dates, prices and ISBNs.

A number counts in the form that its state writes it in, where that is a form of its own and has check digits; where it
is no more than digits, after a word that announces it. Forms: OECD, Tax Identification Numbers, by country; of those
that are no tax numbers, the issuers'.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from babelsift.filters.strings import Pattern
from babelsift.filters.text.personal import national_checks as checks
from babelsift.filters.text.personal.check_digits import Check, passes_verhoeff, sums_to


@dataclass(frozen=True)
class NationalNumber:
    """A kind of number.

    Attributes:
        name: country and what it is called there.
        passes: whether a number without blanks and signs, in capital letters, is one.
        form: a form of its own, as a pattern; None: it has none.
        words: that announce it, as a pattern; None: it needs none.
        announced: its form after such a word.
    """

    name: str
    passes: Check
    form: str | None = None
    words: str | None = None
    announced: str | None = None


_CODICE_MONTHS = "ABCDEHLMPRST"
_ELEVEN = r"\d(?:[ ./-]?\d){10}"
_KINDS = (
    NationalNumber(
        "US SSN", checks.is_us_ssn, r"\d{3}-\d\d-\d{4}", r"ssn|social security", r"\d{3}[ -]?\d\d[ -]?\d{4}"
    ),
    NationalNumber(
        "GB National Insurance number",
        checks.is_british_nino,
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] \d\d \d\d \d\d [A-D]",
        r"nino|national insurance|ni",
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]",
    ),
    NationalNumber(
        "DE Steuer-ID",
        checks.is_german_tax_id,
        None,
        r"steuer-?id(?:nr)?|idnr|identifikationsnummer|steuernummer",
        _ELEVEN,
    ),
    NationalNumber(
        "FR NIR",
        checks.is_french_nir,
        r"[1-478] ?\d\d ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d",
    ),
    NationalNumber("ES DNI", checks.is_spanish_dni, r"\d{8}-?[A-HJ-NP-TV-Z]|[XYZ]-?\d{7}-?[A-HJ-NP-TV-Z]"),
    NationalNumber(
        "IT codice fiscale",
        checks.is_codice_fiscale,
        rf"[A-Z]{{6}} ?[\dL-NP-V]{{2}}[{_CODICE_MONTHS}][\dL-NP-V]{{2}} ?[A-Z][\dL-NP-V]{{3}} ?[A-Z]",
    ),
    NationalNumber("BR CPF", checks.is_brazilian_cpf, r"\d{3}\.\d{3}\.\d{3}-\d\d", r"cpf", _ELEVEN),
    NationalNumber(
        "IN Aadhaar",
        passes_verhoeff,
        r"(?!(?:20\d\d ?){3})[2-9]\d{3} \d{4} \d{4}",
        r"aadhaar|aadhar|adhar|आधार",
        r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}",
    ),
    NationalNumber("CN resident number", checks.is_chinese_number, r"[1-9]\d{5}(?:19|20)\d{9}[\dX]"),
    NationalNumber("KR RRN", checks.is_korean_rrn, r"\d{6}-[1-8]\d{6}"),
    NationalNumber("PL PESEL", checks.is_pesel, None, r"pesel", r"\d{11}"),
    NationalNumber(
        "NL BSN",
        sums_to((9, 8, 7, 6, 5, 4, 3, 2, -1), 11),
        None,
        r"bsn|burgerservicenummer|sofinummer",
        r"\d(?:[ .-]?\d){8}",
    ),
    NationalNumber(
        "SE personnummer",
        checks.is_swedish_number,
        r"(?:19|20)\d{6}-\d{4}",
        r"personnummer|pers\.? ?nr|personnr",
        r"(?:\d\d)?\d{6}[-+ ]?\d{4}",
    ),
    NationalNumber("TR kimlik no", checks.is_turkish_number, None, r"t\.?c\.?(?: kimlik)?|tckn|kimlik", r"[1-9]\d{10}"),
    NationalNumber("FI henkilötunnus", checks.is_finnish_number, r"\d{6}[-+A-FU-Y]\d{3}[\dA-FHJ-NPR-Y]"),
    NationalNumber(
        "NO fødselsnummer",
        checks.is_norwegian_number,
        r"\d{6} \d{5}",
        r"f[øo]dselsnummer|fnr|personnummer",
        r"\d{6} ?\d{5}",
    ),
    NationalNumber("BE rijksregisternummer", checks.is_belgian_number, r"\d\d\.\d\d\.\d\d-\d{3}[.-]\d\d"),
    NationalNumber("CH AHV", checks.is_swiss_ahv, r"756\.\d{4}\.\d{4}\.\d\d"),
    NationalNumber("CZ rodné číslo", checks.is_czech_number, r"\d{6}/\d{4}"),
    NationalNumber("MX CURP", checks.is_curp, r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{5}[A-Z\d]\d"),
    NationalNumber("CL RUT", checks.is_chilean_rut, r"\d{1,2}\.\d{3}\.\d{3}-[\dK]"),
    NationalNumber("RU SNILS", checks.is_snils, r"\d{3}-\d{3}-\d{3}[ -]\d\d"),
    NationalNumber("ZA identity number", checks.is_south_african_number, None, r"id|identity", r"\d{6} ?\d{4} ?\d{3}"),
    NationalNumber(
        "JP my number", checks.is_my_number, None, r"マイナンバー|個人番号|my number", r"\d{4}[ -]?\d{4}[ -]?\d{4}"
    ),
)
_AFTER_WORD = r"(?:[ .]{0,2}(?:no|nr|number|numer|numarası|numéro|número|n°|№|#))?[\s.:=#-]{0,4}"
_NOT_WITHIN = (r"(?<![\w.,/+$€£#-])(?<!\d )", r"(?![\w/]|[-.,:]\d| \d)")
_NO_MORE = r"(?!\w|[-.,]\d)"
_FORMS = [
    (kind, re.compile(rf"{_NOT_WITHIN[0]}(?:{kind.form}){_NOT_WITHIN[1]}")) for kind in _KINDS if kind.form is not None
]
_ANNOUNCED = [
    (
        kind,
        re.compile(rf"(?<!\w)(?:{kind.words}){_AFTER_WORD}(?P<number>{kind.announced})(?!\w|[-.,]\d)", re.IGNORECASE),
    )
    for kind in _KINDS
    if kind.words is not None
]
# Texts that may hold one: six digits with few signs between, or letters before some.
LIKELY = Pattern(r"(?:\pN[ ./-]?){5}\pN|[A-Za-z]{4}\pN{6}|[A-Za-z]{6} ?\pN{2}")
# Names of codes; a number after such a name is no person's.
_CODE_WORDS = re.compile(
    r"\b(?:isbn|issn|ean|upc|gtin|asin|sku|ref|art|item|model|part|oem|cas|mpn|lot|p/?n|code|product|catalog)\W{0,2}"
    r"(?:no|nr|number|code)?[\s.:#-]*\Z",
    re.IGNORECASE,
)
_LONGEST_CODE_WORDS = 30


def national_number_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yields where the national numbers of a text start and end, in their order.

    >>> text = "CPF 529.982.247-25, ISBN 978-0-306-40615-7"
    >>> [text[start:end] for start, end in national_number_spans(text)]
    ['529.982.247-25']
    """
    ascii_text = _with_ascii_digits(text)
    spans: list[tuple[int, int]] = []
    for kind, pattern in _ANNOUNCED:
        spans += [match.span("number") for match in pattern.finditer(ascii_text) if _passes(kind, match["number"])]
    for kind, pattern in _FORMS:
        for match in pattern.finditer(ascii_text):
            before = ascii_text[max(match.start() - _LONGEST_CODE_WORDS, 0) : match.start()]
            if _passes(kind, match[0]) and not _CODE_WORDS.search(before):
                spans.append(match.span())
    end = -1
    for span in sorted(spans, key=lambda one: (one[0], -one[1])):
        if span[0] >= end:
            yield span
            end = span[1]


def _passes(kind: NationalNumber, number: str) -> bool:
    plain = "".join(sign for sign in number.upper() if sign.isalnum())
    if kind.passes is checks.is_finnish_number:  # the sign for the century counts nothing
        plain = number[:6] + number[7:]
    return kind.passes(plain)


def _with_ascii_digits(text: str) -> str:
    """Returns a text as long with every decimal digit, of whatever script, as 0 to 9."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)
