"""Licences by their short identifiers: Creative Commons' URLs and names, as pages and tables write them.

Source: the SPDX License List 3.26 for the identifiers, creativecommons.org/licenses/list.en for the URLs.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

import pyarrow as pa

_ZERO, _MARK, _CERTIFICATION = "CC0-1.0", "CC-PDM-1.0", "CC-PDDC"
_MAX_CHARACTERS = 300
_VERSIONS = frozenset(("1.0", "2.0", "2.1", "2.5", "3.0", "4.0"))
_ELEMENTS = ("by", "nc", "nd", "sa")  # in the order in which identifiers have them

_URL = re.compile(r"(?:https?:)?//|(?:www\.)?creativecommons\.org(?:[/:]|$)")
_CC_URL = re.compile(
    r"(?:(?:https?:)?//)?(?:www\.)?creativecommons\.org(?::\d+)?/+(licen[sc]es|publicdomain)/+([^?#]*)"
)
_PUBLIC_DOMAIN = {"zero": _ZERO, "mark": _MARK, "certification": _CERTIFICATION}

# Words of names, in lower case.
_LONG = (
    (re.compile(r"creative[\s_-]*commons"), "cc"),
    (re.compile(r"non[\s_-]*commercial(?:[\s_-]+use)?"), "nc"),
    (re.compile(r"no[\s_-]*deriv(?:ative)?s?(?:[\s_-]+works?)?"), "nd"),
    (re.compile(r"share[\s_-]*alike"), "sa"),
    (re.compile(r"attribution"), "by"),
    (re.compile(r"public[\s_-]*domain[\s_-]*mark"), "pdm"),
    (re.compile(r"\bcc[\s_-]*(?:zero|0)\b"), "cc0"),
)
_SAYING_NOTHING = frozenset(
    (
        "cc",
        "the",
        "license",
        "licence",
        "licensed",
        "under",
        "international",
        "intl",
        "generic",
        "unported",
        "universal",
    )
)
_OF_ZERO = frozenset(("public", "domain", "dedication"))
_WORD = re.compile(r"v?\d+(?:\.\d+)?|[^\W\d_]+0?")
_PORT = re.compile(r"[a-z]{2}|igo|scotland")
_IN_BRACKETS = re.compile(r"([^()]+)\(([^()]+)\)")


def license_identifier(text: str | None) -> str | None:
    """Returns the short identifier of a licence, or None where a text names none that is known.

    Ports to jurisdictions count as the licence they are ports of, and a licence without a version has none in its
    identifier. A text that says anything more is not understood: it may be an exception, or another licence.

    Args:
        text: a URL of creativecommons.org, a licence's name in English, its abbreviation, or its identifier.

    >>> license_identifier("https://creativecommons.org/licenses/by-sa/3.0/de/deed.de")
    'CC-BY-SA-3.0'
    >>> license_identifier("CC0"), license_identifier("Attribution-NonCommercial License")
    ('CC0-1.0', 'CC-BY-NC')
    """
    if text is None or len(text) > _MAX_CHARACTERS:
        return None
    plain = text.strip().lower()
    if _URL.match(plain):
        return _of_url(plain)
    if bracketed := _IN_BRACKETS.fullmatch(plain):
        long, short = (_of_name(part) for part in bracketed.groups())
        return long if long == short else None
    return _of_name(plain)


def license_identifiers(texts: pa.StringArray) -> pa.StringArray:
    """Returns string[n], the identifier of each licence; null where none is known.

    Args:
        texts: string[n], nullable; see `license_identifier`.

    >>> license_identifiers(pa.array(["cc-by 4.0", "ask me", None])).to_pylist()
    ['CC-BY-4.0', None, None]
    """
    if not texts.null_count < len(texts):
        return pa.nulls(len(texts), pa.string())
    encoded = texts.dictionary_encode()
    identifiers = pa.array([license_identifier(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return identifiers.take(encoded.indices)


def _of_url(url: str) -> str | None:
    matched = _CC_URL.match(url)
    if matched is None:
        return None
    kind, *further = [matched[1], *(part for part in unquote(matched[2]).split("/") if part)]
    if not further:
        return None
    if kind == "publicdomain":
        return _PUBLIC_DOMAIN.get(further[0])
    if further[0] == "publicdomain":
        return _CERTIFICATION
    version = further[1] if len(further) > 1 and further[1][0].isdigit() else None
    return _identifier(further[0].split("-"), version)


def _of_name(name: str) -> str | None:
    for pattern, short in _LONG:
        name = pattern.sub(f" {short} ", name)
    written = _WORD.findall(name)
    words = [word for word in written if word not in _SAYING_NOTHING]
    said = set(words)
    is_named = "by" in said or "cc" in written  # `sa 1.0` alone is no licence
    if "cc0" in said:
        return _ZERO if said - _OF_ZERO <= {"cc0", "1", "1.0", "v1.0"} else None
    if "pdm" in said:
        return _MARK if said <= {"pdm", "1", "1.0", "v1.0"} else None
    if said == {"pddc"}:
        return _CERTIFICATION
    numbers = [index for index, word in enumerate(words) if word[-1].isdigit()]
    if not numbers:
        return _identifier(words, None) if is_named else None
    *_, end = numbers
    elements, version, port = words[:end], words[end].removeprefix("v"), words[end + 1 :]
    if len(port) > 1 or not all(_PORT.fullmatch(word) for word in port) or not is_named:
        return None
    return _identifier(elements, version if "." in version else f"{version}.0")


def _identifier(elements: list[str], version: str | None) -> str | None:
    """Returns the identifier of a licence of these elements, or None where there is no such licence."""
    ordered = [element for element in _ELEMENTS if element in elements]
    if sorted(elements) != sorted(ordered) or not ordered or {"nd", "sa"} <= set(ordered):
        return None
    if version is not None and version not in _VERSIONS:
        return None
    return "-".join(["CC", *(element.upper() for element in ordered), *([version] if version else [])])
