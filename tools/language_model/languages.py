"""The languages that the model tells apart, by script, and what the sources call them."""

from __future__ import annotations

from babelsift.schemas.languages import normalise_language

# More examples are drawn of the languages that more of the web is in.
_FREQUENT = set("en de fr es it pt nl pl ru tr id vi sv ar fa hi".split())  # noqa: SIM905
GROUPS = {
    script: languages.split()
    for script, languages in {
        "Latn": "en de fr es it pt nl pl tr id vi sv cs sk sl hr sr bs hu ro fi da no nn is fo et lv lt sq ca gl oc "
        "ast an eu eo la af fy lb nds br cy ga gd gv mt az uz tk ku crh ms jv su tl ceb sw rw so ha ig yo zu xh ss nr "
        "st tn nso ts ve sn lg ln mi to haw mg wo ff om qu ay gn kab rm fur sc co lij wa hsb dsb szl ia ht kl sco pcm",
        "Cyrl": "ru uk be bg mk sr kk ky mn tg tt uz az mhr ab ba cv ce os sah kv",
        "Arab": "ar fa ur ps ug sd ckb ks skr",
        "Deva": "hi mr ne sa gom mai brx doi sd bho",
    }.items()
}
_LOCALES = {
    "kok": "gom", "ca@valencia": "ca", "uz@cyrillic": "uz", "sr@latin": "sr", "gug": "gn", "kmr@latin": "ku",
}  # fmt: skip


def language_of(locale: str) -> str:
    """Returns the language of a locale (`pt_BR`, `sr@latin`, `nb-NO`) as captions carry it; empty: not told.

    Args:
        locale: as catalogues are named.
    """
    base = locale.replace("-", "_").split("_")[0].split("@")[0]
    if locale.startswith("zh") or ("@" in locale and locale not in _LOCALES and "latin" not in locale):
        return ""
    return _LOCALES.get(locale) or _LOCALES.get(base) or normalise_language(base)


def examples_of(language: str) -> int:
    """Returns how many examples of a language are drawn.

    Args:
        language: of any group.
    """
    return 100_000 if language == "en" else 24_000 if language in _FREQUENT else 10_000
