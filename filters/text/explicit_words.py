"""Words that announce sexual or violent pictures, in the languages that the web has most of."""

from __future__ import annotations

import pyarrow as pa
import re2

# Whole words, but those that say it within others, as hosts are named. Not a rule of any recipe: what shows pictures to
# people hides these until they ask.
_WITHIN = (
    "porn|hentai|xnxx|xvideos|onlyfans|порно|эротик|ポルノ|エロ画像|アダルト動画|色情|裸体|成人影片|포르노|야동|إباحي"
)
_WORDS = (
    "nsfw|xxx|nude|nudes|nudity|naked|topless|sex|sexy|sexual|erotic|erotica|bdsm|fetish|blowjob|orgasm|milf|escort|"
    "escorts|boobs|tits|pussy|dick|cock|penis|vagina|anal|gore|gory|beheading|beheaded|decapitated|corpse|corpses|"
    "mutilated|nackt|nackte|erotik|leiche|leichen|nue|nues|sexe|cadavre|cadavres|desnuda|desnudas|desnudo|sexo|cadáver|"
    "cadáveres|nudo|nuda|sesso|erotica|cadavere|pelada|nua|cadaver|naakt|nago|naga|seks|zwłoki|голая|голые|секс|труп|"
    "трупы|çıplak|ceset|عارية|جثة|ערומה|नंगी|全裸|ヌード|死体|裸照|尸体|屍體|누드|시체"
)
_EXPLICIT = re2.compile(rf"(?i)(?:{_WITHIN})|(?:^|[^\pL\pN])(?:{_WORDS})(?:[^\pL\pN]|$)")


def is_free_of_explicit_words(texts: pa.Array) -> pa.BooleanArray:
    """Keeps texts in which no word announces a sexual or violent picture.

    A guess by words alone: it misses pictures that their captions say nothing of, and hides some that are harmless.

    Args:
        texts: string[n], nullable: captions or URLs; a null is free of them.

    Returns:
        bool[n], no nulls.

    >>> captions = pa.array(["a dog in Essex", "Sexy girl", "http://bestporn.example/1", None])
    >>> is_free_of_explicit_words(captions).to_pylist()
    [True, False, False, True]
    """
    return pa.array([text is None or _EXPLICIT.search(text) is None for text in texts.to_pylist()], pa.bool_())
