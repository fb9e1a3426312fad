"""The languages and scripts that the labels of fastText language models stand for."""

from __future__ import annotations

import re
from functools import cache

from babelsift.schemas.languages import normalise_language

# lid.176 and other models that name no script take their codes from Wikipedia's host names.
_WIKIPEDIA = {"als": "gsw", "nah": "nci", "bat_smg": "sgs", "simple": "en"}

# Scripts of the languages (as named here) that are not, or not only, written in Latin script; of those that a model
# without scripts in its labels may know.
_SCRIPTS = {
    language: tuple(scripts.split("+"))
    for scripts, languages in {
        "Cyrl": "ab av ba be bg bxr ce cv kbd krc kv ky lez mhr mk mn mrj myv mdf os ru rue sah tyv uk udm xal",
        "Cyrl+Latn": "sr hbs bs uz kk tt az tk tg crh gag",
        "Arab": "ar fa ur ckb ps ug arz azb glk lrc mzn pnb skr",
        "Arab+Deva": "ks sd",
        "Arab+Latn": "ku diq",
        "Deva": "hi mr ne sa bho gom dty mai new awa mag",
        "Beng": "bn as bpy",
        "Guru+Arab": "pa",
        "Hani": "zh wuu yue lzh gan",
        "Hani+Hira+Kana": "ja",
        "Hang": "ko",
        "Grek": "el",
        "Hebr": "he yi",
        "Armn": "hy hyw",
        "Geor": "ka xmf",
        "Ethi": "am ti",
        "Tibt": "bo dz",
        "Thai": "th",
        "Laoo": "lo",
        "Khmr": "km",
        "Mymr": "my mnw shn",
        "Gujr": "gu",
        "Orya": "or",
        "Taml": "ta",
        "Telu": "te",
        "Knda": "kn",
        "Mlym": "ml",
        "Sinh": "si",
        "Thaa": "dv",
        "Syrc": "arc syc",
    }.items()
    for language in languages.split()
}
# Codes of several scripts, or of a form of one.
SCRIPT_ALIASES = {
    "Hans": ("Hani",),
    "Hant": ("Hani",),
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang", "Hani"),
    "Aran": ("Arab",),
}
_LABEL = re.compile(r"(?:__label__)?([a-z]{2,3}|bat_smg|simple)(?:[_-]([A-Z][a-z]{3}))?\Z")


@cache
def parse_label(label: str) -> tuple[str, tuple[str, ...]] | None:
    """Returns (language, ISO 15924 scripts it is written in) of a label of a fastText language model.

    Knows lid.176's labels (`__label__en`) and those of GlotLID, OpenLID and NLLB (`__label__eng_Latn`). None where the
    label names no language.
    """
    match = _LABEL.match(label)
    if match is None:
        return None
    code, script = match.groups()
    if script is not None:
        return normalise_language(code), SCRIPT_ALIASES.get(script, (script,))
    language = _WIKIPEDIA.get(code) or normalise_language(code)
    return language, _SCRIPTS.get(language, ("Latn",))
