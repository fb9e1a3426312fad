"""Codes of languages: ISO 639-1 where one exists, else 639-3, and which other codes mean the same language."""

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
_CODE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?\Z")
_TWO_LETTERS = frozenset(_ISO_639_1.values()) | {code for code in _SAME_AS if len(code) == 2}


@cache
def normalise_language(code: str) -> str:
    """Returns a language's code as captions carry it: ISO 639-1 where one exists, else 639-3; `und` for no language.

    Args:
        code: an ISO 639-1, 639-2 or 639-3 code in lower case.
    """
    return _SAME_AS.get(code) or _ISO_639_1.get(code, code)


def check_language(code: str) -> str:
    """Returns the code of a language, which may end in a script: `en`, `ceb`, `sr-Latn`.

    Codes of three letters pass: only a model says which of the thousands it knows.

    Raises:
        ValueError: the code has another form, or ISO 639-1 has no such code of two letters.
    """
    if not _CODE.match(code):
        raise ValueError(f"{code!r} is no code of a language; write it as ISO 639 does: en, zh, ceb")
    language = code.partition("-")[0]
    if len(language) == 2 and language not in _TWO_LETTERS:
        raise ValueError(f"ISO 639-1 has no language {language!r}; write the code as ISO 639 does: en, zh, ceb")
    return code
