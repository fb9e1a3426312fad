"""What the labels of fastText language models mean: ISO 639-1 codes where one exists, and the scripts they go with."""

from __future__ import annotations

import re
from functools import cache

UNDETERMINED = "und"

# ISO 639-3 to 639-1, without `sh` (withdrawn in 2000).
_ISO_639_1_PAIRS = (
    "aar:aa abk:ab afr:af aka:ak amh:am ara:ar arg:an asm:as ava:av ave:ae aym:ay aze:az bak:ba bam:bm bel:be "
    "ben:bn bis:bi bod:bo bos:bs bre:br bul:bg cat:ca ces:cs cha:ch che:ce chu:cu chv:cv cor:kw cos:co cre:cr "
    "cym:cy dan:da deu:de div:dv dzo:dz ell:el eng:en epo:eo est:et eus:eu ewe:ee fao:fo fas:fa fij:fj fin:fi "
    "fra:fr fry:fy ful:ff gla:gd gle:ga glg:gl glv:gv grn:gn guj:gu hat:ht hau:ha heb:he her:hz hin:hi hmo:ho "
    "hrv:hr hun:hu hye:hy ibo:ig ido:io iii:ii iku:iu ile:ie ina:ia ind:id ipk:ik isl:is ita:it jav:jv jpn:ja "
    "kal:kl kan:kn kas:ks kat:ka kau:kr kaz:kk khm:km kik:ki kin:rw kir:ky kom:kv kon:kg kor:ko kua:kj kur:ku "
    "lao:lo lat:la lav:lv lim:li lin:ln lit:lt ltz:lb lub:lu lug:lg mah:mh mal:ml mar:mr mkd:mk mlg:mg mlt:mt "
    "mon:mn mri:mi msa:ms mya:my nau:na nav:nv nbl:nr nde:nd ndo:ng nep:ne nld:nl nno:nn nor:no nya:ny oci:oc "
    "oji:oj ori:or orm:om oss:os pan:pa pli:pi pol:pl por:pt pus:ps que:qu roh:rm ron:ro run:rn rus:ru sag:sg "
    "san:sa sin:si slk:sk slv:sl sme:se smo:sm sna:sn snd:sd som:so sot:st spa:es sqi:sq srd:sc srp:sr ssw:ss "
    "sun:su swa:sw swe:sv tah:ty tam:ta tat:tt tel:te tgk:tg tgl:tl tha:th tir:ti ton:to tsn:tn tso:ts tuk:tk "
    "tur:tr twi:tw uig:ug ukr:uk urd:ur uzb:uz ven:ve vie:vi vol:vo wln:wa wol:wo xho:xh yid:yi yor:yo zha:za "
    "zho:zh zul:zu"
)
# The leading member of a macrolanguage, which GlotLID, OpenLID and NLLB name, is what lid.176 names by the whole.
# Bokmål is `no`, as in lid.176, Filipino `tl`. Retired and 639-2/B codes follow.
_SAME_AS_PAIRS = (
    "arb:ar cmn:zh nob:no nb:no zsm:ms zlm:ms swh:sw azj:az uzn:uz ydd:yi lvs:lv ekk:et khk:mn plt:mg npi:ne "
    "ory:or gaz:om quy:qu quz:qu ayr:ay kmr:ku pbt:ps pbu:ps pes:fa prs:fa fil:tl gug:gn fuv:ff knc:kr als:sq "
    "aln:sq cym:cy sh:hbs eml:egl bh:bho bih:bho mo:ro iw:he in:id ji:yi jw:jv fre:fr ger:de dut:nl gre:el chi:zh "
    "cze:cs slo:sk rum:ro per:fa ice:is mac:mk may:ms bur:my geo:ka arm:hy alb:sq baq:eu wel:cy tib:bo mao:mi "
    "zxx:und mis:und mul:und"
)
_ISO_639_1 = dict(pair.split(":") for pair in _ISO_639_1_PAIRS.split())
_SAME_AS = dict(pair.split(":") for pair in _SAME_AS_PAIRS.split())
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
_SCRIPT_ALIASES = {
    "Hans": ("Hani",),
    "Hant": ("Hani",),
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang", "Hani"),
    "Aran": ("Arab",),
}
_LABEL = re.compile(r"(?:__label__)?([a-z]{2,3}|bat_smg|simple)(?:[_-]([A-Z][a-z]{3}))?\Z")


@cache
def normalise_language(code: str) -> str:
    """Returns a language's code as captions carry it: ISO 639-1 where one exists, else 639-3; `und` for no language.

    Args: code: an ISO 639-1, 639-2 or 639-3 code in lower case.
    """
    return _SAME_AS.get(code) or _ISO_639_1.get(code, code)


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
        return normalise_language(code), _SCRIPT_ALIASES.get(script, (script,))
    language = _WIKIPEDIA.get(code) or normalise_language(code)
    return language, _SCRIPTS.get(language, ("Latn",))
