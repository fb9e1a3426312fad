"""What a recipe says of captions, URLs, languages, and of how often they come."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from babelsift.schemas.recipe.groups.numbers import Count, LanguageCode, PositiveInt, Ratio
from babelsift.schemas.recipe.groups.settings import Entries, FlaggedWordEntries, Settings

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
MaskedKind = Literal["emails", "phone_numbers", "ip_addresses", "payment_cards", "ibans", "national_numbers"]


class CaptionEdits(Settings):
    """What is changed in a caption before any rule sees it; the uid stays that of the pair as it was read.

    Attributes:
        unicode: a normalisation form: none, NFC, NFKC
        repair_mojibake: undo wrong decodings, with ftfy
        strip: take off: `markup` (tags, codes of forums; character references are decoded, twice where escaped twice),
            `urls`, `phrases` of galleries, shops and stock agencies at both ends in 26 languages, `filenames`
            (extension, `File:`, a camera's number). A caption of which fewer than two words would be left stays as it
            is, for the rules
        mask: replace by a word in brackets: emails, phone_numbers, ip_addresses, payment_cards, ibans, national_numbers
    """

    unicode: Literal["none", "NFC", "NFKC"] = "none"
    repair_mojibake: bool = False
    strip: tuple[Literal["markup", "urls", "phrases", "filenames"], ...] = ()
    mask: tuple[MaskedKind, ...] = ()

    def __bool__(self) -> bool:
        return self != CaptionEdits()


class Vocabulary(Settings):
    """The n-grams that all tokens of a caption must be among.

    Attributes:
        file: one n-gram a line, tokens parted by a space; what follows a tab is passed over. `babelsift ngrams` writes
            one
        bigrams: each two neighbouring tokens must be listed, too
    """

    file: Annotated[str, Field(min_length=1)]
    bigrams: bool = False


class PartsOfSpeech(Settings):
    """The parts of speech a caption needs, as a tagger finds them: "textblob" (English), or `module:function`.

    Attributes:
        needs: noun, determiner: all that are named
        tagger: textblob (English), or `module:function` of your own
    """

    needs: Annotated[tuple[Literal["noun", "determiner"], ...], Field(min_length=1)]
    tagger: Annotated[str, Field(pattern=r"^(textblob|[\w.]+:\w+)$")] = "textblob"


class CaptionRules(Settings):
    """Rules on the caption alone; a rule that is null is off.

    Attributes:
        min_characters: code points
        max_characters: code points
        min_words: words; scripts without spaces are counted by their own measure
        max_words: words
        min_spaced_words: runs of text between spaces, as `str.split` has them, whatever the script
        min_fasttext_tokens: tokens, as `fasttext.tokenize` has them: a new line is one
        min_letter_ratio: letters and marks among visible code points
        max_digit_ratio: digits among visible code points
        max_punctuation_ratio: punctuation and symbols among visible code points
        max_uppercase_ratio: capitals among cased letters
        max_token_repetition_ratio: tokens that repeat an earlier one, among all
        reject_boilerplate: captions that pages put on any image: `image`, `click to enlarge`, `stock photo` alone, ...
            in many languages. Lists that a similarity has filtered already have none (0 of 10 000 of LAION), pages as
            they were crawled do
        reject_filenames: `IMG_1234.jpg` and the like
        reject_urls: captions that are an address
        reject_markup: HTML, templates, code
        reject_control_characters: control characters
        reject_mojibake: text that was decoded wrongly
        reject_emails: captions with an e-mail address
        reject_phone_numbers: captions with a phone number
        reject_ip_addresses: captions with an IP address
        reject_payment_cards: captions with the number of a payment card
        reject_ibans: captions with the number of a bank account (IBAN)
        reject_national_numbers: captions with a number by which a state knows a person: see
            [rights](rights.md#personal-numbers)
        flagged_words: captions with one of these words: a list, or a file with one a line; `{shipped: [en, de]}`
        vocabulary: all tokens must be in a list of n-grams
        parts_of_speech: parts of speech that a caption needs
    """

    min_characters: Count | None = None
    max_characters: Count | None = None
    min_words: Count | None = None
    max_words: Count | None = None
    min_spaced_words: Count | None = None
    min_fasttext_tokens: Count | None = None
    min_letter_ratio: Ratio | None = None
    max_digit_ratio: Ratio | None = None
    max_punctuation_ratio: Ratio | None = None
    max_uppercase_ratio: Ratio | None = None
    max_token_repetition_ratio: Ratio | None = None
    reject_boilerplate: bool = False
    reject_filenames: bool = False
    reject_urls: bool = False
    reject_markup: bool = False
    reject_control_characters: bool = False
    reject_mojibake: bool = False
    reject_emails: bool = False
    reject_phone_numbers: bool = False
    reject_ip_addresses: bool = False
    reject_payment_cards: bool = False
    reject_ibans: bool = False
    reject_national_numbers: bool = False
    flagged_words: FlaggedWordEntries | None = None
    vocabulary: Vocabulary | None = None
    parts_of_speech: PartsOfSpeech | None = None


def _check_scheme(scheme: str) -> str:
    if not _SCHEME.fullmatch(scheme):
        raise ValueError(f"{scheme!r} is no scheme of URLs; write it without what follows: https")
    return scheme


class UrlRules(Settings):
    """Rules on the URL alone; a rule that is null is off.

    Attributes:
        schemes: of which a URL must have one
        max_characters: of the URL
        blocked_hosts: hosts, and what is below them
        allowed_hosts: null: any; hosts, and what is below them
        blocked_suffixes: public suffixes: com, co.uk
        allowed_suffixes: null: any; public suffixes
        reject_non_photos: tracking pixels, icons, sprites, spacers, by the URL
        opted_out_urls: URLs that are to be left alone; one that ends in `/*` stands for all that begin so
        opted_out_domains: hosts that are to be left alone, and what is below them
    """

    schemes: tuple[Annotated[str, AfterValidator(_check_scheme)], ...] | None = ("http", "https")
    max_characters: Count | None = 2048
    blocked_hosts: Entries | None = None
    allowed_hosts: Entries | None = None
    blocked_suffixes: Entries | None = None
    allowed_suffixes: Entries | None = None
    reject_non_photos: bool = False
    opted_out_urls: Entries | None = None
    opted_out_domains: Entries | None = None


class LanguageSettings(Settings):
    """Which languages are kept, and the fastText model that tells them apart (null: the two models that ship).

    Attributes:
        model: path of a fastText language model; null: lid.176 and a model of n-grams and words, which ship:
            [language.md](language.md)
        raw: the model's own first label is the language, as DataComp's baselines take it: neither the script nor how
            common a language is on the web counts
        source: what the languages are good for that the input says of its texts (`--columns language=NAME`, carried as
            `text_language`): `replace`: nothing, the caption's is found; `believe`: the language is the input's, with
            the score 1, and found only where the input says none that is a code; `check`: a text of which both say
            another language is left out as `language_disagrees`; where the model finds none or does not know the
            input's, the input's counts
        keep: languages (ISO 639-1 where there is one, else 639-3; `und`), with a script where it matters: `sr-Latn`;
            `zh-Hans` and `zh-Hant` leave out what is told to be the other by its characters; null: all
        min_score: of the language found, 0 to 1; null: any
        report_min_texts: the report and the card name the languages of which at least so many texts were kept; null:
            they do not
    """

    model: str | None = None
    raw: bool = False
    source: Literal["replace", "believe", "check"] = "replace"
    keep: tuple[LanguageCode, ...] | None = None
    min_score: Ratio | None = None
    report_min_texts: PositiveInt | None = None


class FrequencyRules(Settings):
    """Rules that need the whole input; a rule that is null is off. An image is its URL; each different one counts.

    Attributes:
        max_images_per_caption: captions on more images are left out; null switches it off
        max_captions_per_image: images with more different captions are left out, with all of them: by URL before the
            download, by pixels after it (`pixels_with_too_many_captions`, near copies too); the texts of one page
            (`page_url`) count once where one domain serves the image, or else those of one source row; null: off
    """

    max_images_per_caption: PositiveInt | None = None
    max_captions_per_image: PositiveInt | None = None


class ConceptSettings(Settings):
    """The metadata entries a caption must match, as MetaCLIP does; matched ones are kept as column `matched_entries`.

    Attributes:
        entries: a JSON list or one entry a line for all languages, or a folder of such files named by language
        spacing: always: a space at both ends of an entry (MetaCLIP); by_script: none at an end that is punctuation or
            of a script without spaces (MetaCLIP 2, kana excepted); by_script_and_kana: none beside kana either
        min_matches: entries that a caption must match; 0 only records them
    """

    entries: Annotated[str, Field(min_length=1)]
    spacing: Literal["always", "by_script", "by_script_and_kana"] = "always"
    min_matches: Count = 1
