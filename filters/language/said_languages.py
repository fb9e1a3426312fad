"""The languages that a source says of its texts, in whatever spelling, and whether what is found agrees with them."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pyarrow as pa

from babelsift.schemas.languages import UNDETERMINED, check_language, normalise_language

# BCP 47's shape: a language, then subtags for its script, country and the like; a language of Chinese or Arabic may
# follow the whole.
_TAG = re.compile(r"(?:(?:zh|ar)[-_](?=[a-z]{3}(?![a-z])))?([a-z]{2,3})(?:[-_][a-z0-9]{1,8})*\Z")
# Codes of Wikipedia and of RFC 1766 whose parts do not say the language.
_WHOLE = {
    "simple": "en",
    "zh-classical": "lzh",
    "zh-min-nan": "nan",
    "bat-smg": "sgs",
    "fiu-vro": "vro",
    "roa-rup": "rup",
    "cbk-zam": "cbk",
    "map-bms": "jv",
    "roa-tara": "nap",
}
# Languages that ISO 639-3 counts as one, and those of them that models tell apart.
_MEMBERS = {
    "hbs": "bs hr sr cnr",
    "zh": "yue wuu gan hak nan lzh cdo",
    "ar": "arz ary apc ajp acm acq aeb ars",
    "no": "nn",
    "ku": "ckb",
    "az": "azb",
    "ms": "id min",
    "lv": "ltg",
    "et": "vro",
    "lah": "pnb skr",
    "bho": "mag mai",
    "kv": "koi",
    "mn": "bxr",
    "ne": "dty",
}
_MACROLANGUAGE = {member: whole for whole, members in _MEMBERS.items() for member in members.split()}


@cache
def said_language(text: str) -> str | None:
    """Returns the language of a code as people write it, as captions carry it; None where it names none.

    Args:
        text: an ISO 639 code, a BCP 47 tag (`pt-BR`, `zh_Hant_TW`), or a code of Wikipedia's.

    >>> said_language("pt-BR"), said_language("iw"), said_language("zh-yue"), said_language("English")
    ('pt', 'he', 'yue', None)
    """
    code = text.strip().lower()
    language = _WHOLE.get(code.replace("_", "-"))
    if language is None:
        if (match := _TAG.match(code)) is None:
            return None
        language = match.group(1)
    try:
        found = normalise_language(check_language(language))
    except ValueError:
        return None
    return None if found == UNDETERMINED else found


def said_languages(values: pa.Array) -> pa.Array:
    """Returns the languages that a column says.

    Args:
        values: string[n], nullable.

    Returns:
        string[n], as captions carry them; null where a value names no language.

    >>> said_languages(pa.array(["EN", None, "no language", "fil"])).to_pylist()
    ['en', None, None, 'tl']
    """
    encoded = values.dictionary_encode()
    codes = [said_language(value) for value in encoded.dictionary.to_pylist()]
    return pa.array(codes, pa.string()).take(encoded.indices)


def agreed_languages(said: pa.Array, found: pa.Array, known: frozenset[str]) -> pa.Array:
    """Returns the language on which a source and an identifier agree.

    They agree where they say the same, or one says a language and the other a larger one that has it: then the smaller
    counts. Where the identifier cannot tell (it finds none, or does not know the language that the source says), the
    source's counts; where the source says none, the identifier's.

    Args:
        said: string[n], nullable, as of `said_languages`.
        found: string[n], as the identifier gives them.
        known: the languages that the identifier knows.

    Returns:
        string[n], null where they disagree.

    >>> said, found = pa.array(["de", "de", "hbs", "de", None]), pa.array(["de", "en", "sr", "und", "en"])
    >>> agreed_languages(said, found, frozenset({"de", "en", "hbs", "sr"})).to_pylist()
    ['de', None, 'sr', 'de', 'en']
    """
    agreed = np.array(
        [_agreed(*both, known) for both in zip(said.to_pylist(), found.to_pylist(), strict=True)], dtype=object
    )
    return pa.array(agreed, pa.string())


def _agreed(said: str | None, found: str, known: frozenset[str]) -> str | None:
    if said is None or said == found or _MACROLANGUAGE.get(found) == said:
        return found
    if found == UNDETERMINED or said not in known or _MACROLANGUAGE.get(said) == found:
        return said
    return None
