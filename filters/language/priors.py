"""Weighs a model's answers for short captions by how much of the web each language has, and by its alphabet.

On a few words a language-identification model spreads its answer over all languages it knows, and Wikipedia has
editions in languages that almost no caption is in. So the probabilities are weighed by how common a language is on the
web, in three steps only: a finer prior would rule out rare languages. Then come the letters: a caption with ł is not in
Czech.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

# The languages that much of the web is in; a judgement, not taken from a count of pages.
_COMMON = (
    "en de fr es it pt nl pl ru uk cs sk sl hr sr bg mk el tr az ar fa ur he hi mr ne bn ta te kn ml gu pa th vi id ms "
    "tl ja ko zh sv da no fi et lv lt hu ro sq ca gl eu is kk ka hy mn my km lo si sw af la am ku uz tg ky"
)
# Other languages with a state, a region or millions of writers.
_LESS_COMMON = (
    "be ga cy mt lb fy br eo tt ba cv tk so mg jv su ceb ps ckb sd ug sa or as dv bo yi yue bs hbs nn oc ast sc "
    "co gd ht qu gn rm wa rw ha ig yo zu xh st sn ny mi sm ff wo ln lg om ti ce ab os sah tyv udm mhr kv"
)
_LESS_COMMON_WEIGHT, _RARE_WEIGHT = 0.25, 0.04
_STEPS = {**dict.fromkeys(_LESS_COMMON.split(), _LESS_COMMON_WEIGHT), **dict.fromkeys(_COMMON.split(), 1.0)}
# Serbian is written in both scripts, captions in Latin script that look like it are mostly Croatian.
_RARE_IN_SCRIPT = {("sr", "Latn"), ("hbs", "Latn"), ("hbs", "Cyrl")}

# Letters beyond a to z; a language that is not listed may have any.
_LATIN = {
    "en": "éï", "de": "äöüß", "fr": "àâæçéèêëîïôœùûüÿ", "es": "áéíñóúüºª", "pt": "áâãàçéêíóôõúüºª", "it": "àèéìíîòóùú",
    "nl": "áéëïíóöüèê", "sv": "åäöé", "da": "æøåé", "no": "æøåéòôê", "nn": "æøåéòôê", "fi": "äöåšž", "is": "áðéíóúýþæö",
    "cs": "áčďéěíňóřšťúůýž", "sk": "áäčďéíĺľňóôŕšťúýž", "pl": "ąćęłńóśźż", "hu": "áéíóöőúüű", "ro": "ăâîșțşţ",
    "hr": "čćđšž", "bs": "čćđšž", "sr": "čćđšž", "hbs": "čćđšž", "sl": "čšž", "lt": "ąčęėįšųūž", "lv": "āčēģīķļņšūž",
    "et": "äõöüšž", "tr": "çğıöşüâîû\u0307", "az": "çğıöşüə\u0307", "ca": "àçéèíïóòúü", "gl": "áéíñóúü", "eu": "ñç",
    "sq": "çë", "id": "é", "ms": "é", "jv": "éèê", "su": "é", "tl": "ñ", "ceb": "ñ", "sw": "", "af": "áéèêëîïôöûú",
    "la": "", "mt": "ċġħżàèìòù", "ga": "áéíóú", "uz": "", "so": "", "mg": "àôñ", "eo": "ĉĝĥĵŝŭ", "lb": "äéëöüô",
    "vi": "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ",
}  # fmt: skip
_SHARED_CYRILLIC = "абвгдежзийклмнопрстуфхцчш"
_CYRILLIC = {
    "ru": _SHARED_CYRILLIC + "щъыьэюяё", "uk": _SHARED_CYRILLIC + "щьюяґєії", "bg": _SHARED_CYRILLIC + "щъьюя",
    "be": _SHARED_CYRILLIC.replace("и", "") + "ыьэюяёіў", "sr": _SHARED_CYRILLIC.replace("й", "") + "ђјљњћџ",
    "hbs": _SHARED_CYRILLIC.replace("й", "") + "ђјљњћџ", "mk": _SHARED_CYRILLIC.replace("й", "") + "ѓѕјљњќџѐѝ",
    "kk": _SHARED_CYRILLIC + "щъыьэюяёәғқңөұүһі", "ky": _SHARED_CYRILLIC + "щъыьэюяёңөү",
    "mn": _SHARED_CYRILLIC + "щъыьэюяёөү", "tg": _SHARED_CYRILLIC + "щъыьэюяёғӣқӯҳҷ",
}  # fmt: skip
_SHARED_ARABIC = "ابتثجحخدذرزسشصضطظعغفقلمنهوءآئؤأ"
_ARABIC = {
    "ar": _SHARED_ARABIC + "إةىيك", "arz": _SHARED_ARABIC + "إةىيك", "fa": _SHARED_ARABIC + "ۀةپچژکگیكي",
    "ur": _SHARED_ARABIC + "ٹپچڈڑژکگںھہۂۃیےۓ", "ps": _SHARED_ARABIC + "ټپځڅچډړژږښکګګڼیيېۍئةى",
}  # fmt: skip
# Letters of the Devanagari by the languages that have them; their neighbours do not.
_ONLY_IN = {"ळ": {"mr", "sa", "gom"}, "ऱ": {"mr"}}
_ALPHABETS = {
    "Latn": {language: frozenset("abcdefghijklmnopqrstuvwxyz" + beyond) for language, beyond in _LATIN.items()},
    "Cyrl": {language: frozenset(letters) for language, letters in _CYRILLIC.items()},
    "Arab": {language: frozenset(letters) for language, letters in _ARABIC.items()},
}
# A name keeps its accents abroad, in Latin script more than elsewhere.
_FOREIGN_LETTER = {"Latn": 0.2, "Cyrl": 0.1, "Arab": 0.1}
_MOST_FOREIGN = 3


@cache
def web_weight(language: str, script: str) -> float:
    """Returns how common captions in a language and script (ISO 15924) are on the web, 0 to 1, in three steps."""
    weight = _STEPS.get(language, _RARE_WEIGHT)
    return min(weight, _LESS_COMMON_WEIGHT) if (language, script) in _RARE_IN_SCRIPT else weight


def alphabet_of(language: str, script: str) -> frozenset[str] | None:
    """Returns a language's lower-case letters in a script (ISO 15924), None where they are not known."""
    return _ALPHABETS.get(script, {}).get(language)


def alphabet_weight(language: str, script: str, letters: frozenset[str]) -> float:
    """Returns how well the letters of a caption fit a language, 0 to 1; 1 where its alphabet is not known.

    Args:
        letters: the lower-case letters of the caption that are written in `script`, an ISO 15924 code.
    """
    if script == "Deva":
        return 0.1 if any(language not in owners for letter, owners in _ONLY_IN.items() if letter in letters) else 1.0
    alphabet = alphabet_of(language, script)
    if alphabet is None:
        return 1.0
    return _FOREIGN_LETTER[script] ** min(len(letters - alphabet), _MOST_FOREIGN)


def most_likely(
    answers: Iterable[tuple[str, float]], script: str, letters: frozenset[str], *, rest: float
) -> tuple[str, float] | None:
    """Returns the language that model, web and alphabet together make most likely, and the model's probability of it.

    Args:
        answers: (language, probability), most probable first.
        letters: as in `alphabet_weight`.
        rest: the highest probability that any other answer can have.

    Returns:
        None where another answer may be more likely than all of these.
    """
    best, highest = None, 0.0
    for language, probability in answers:
        if probability <= highest:
            return best
        likelihood = probability * web_weight(language, script) * alphabet_weight(language, script, letters)
        if likelihood > highest:
            best, highest = (language, probability), likelihood
    return best if highest >= rest else None
