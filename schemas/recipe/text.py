"""What a recipe says of captions, URLs, languages, and of how often they come."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from babelsift.schemas.recipe.numbers import Count, LanguageCode, PositiveInt, Ratio
from babelsift.schemas.recipe.settings import Entries, FlaggedWordEntries, Settings


class CaptionEdits(Settings):
    """What is changed in a caption before any rule sees it; the uid stays that of the pair as it was read.

    Attributes:
        unicode: a normalisation form.
        repair_mojibake: with ftfy.
        strip: what is taken off: tags and codes (character references are decoded), web addresses, phrases of galleries
            and shops at both ends, extension and camera's number of file names.
        mask: what is replaced by a word in brackets.
    """

    unicode: Literal["none", "NFC", "NFKC"] = "none"
    repair_mojibake: bool = False
    strip: tuple[Literal["markup", "urls", "phrases", "filenames"], ...] = ()
    mask: tuple[Literal["emails", "phone_numbers", "ip_addresses", "payment_cards"], ...] = ()

    def __bool__(self) -> bool:
        return self != CaptionEdits()


class Vocabulary(Settings):
    """The n-grams that all tokens of a caption must be among.

    Attributes:
        file: one n-gram a line, tokens parted by a space; what follows a tab is passed over.
        bigrams: whether each two neighbouring tokens must be listed, too.
    """

    file: Annotated[str, Field(min_length=1)]
    bigrams: bool = False


class PartsOfSpeech(Settings):
    """The parts of speech a caption needs, as a tagger finds them: "textblob" (English), or `module:function`."""

    needs: Annotated[tuple[Literal["noun", "determiner"], ...], Field(min_length=1)]
    tagger: Annotated[str, Field(pattern=r"^(textblob|[\w.]+:\w+)$")] = "textblob"


class CaptionRules(Settings):
    """Rules on the caption alone; a rule that is null is off."""

    min_characters: Count | None = None
    max_characters: Count | None = None
    min_words: Count | None = None
    max_words: Count | None = None
    min_spaced_words: Count | None = Field(default=None, description="runs of text between spaces, as `str.split` has")
    min_fasttext_tokens: Count | None = Field(default=None, description="tokens, as `fasttext.tokenize` has them")
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
    flagged_words: FlaggedWordEntries | None = None
    vocabulary: Vocabulary | None = None
    parts_of_speech: PartsOfSpeech | None = None


class UrlRules(Settings):
    """Rules on the URL alone; a rule that is null is off."""

    schemes: tuple[str, ...] | None = ("http", "https")
    max_characters: Count | None = 2048
    blocked_hosts: Entries | None = None
    allowed_hosts: Entries | None = Field(default=None, description="null: any; hosts, and what is below them")
    blocked_suffixes: Entries | None = None
    allowed_suffixes: Entries | None = Field(default=None, description="null: any; public suffixes: com, co.uk")
    reject_non_photos: bool = Field(default=False, description="tracking pixels, icons, sprites, spacers")
    opted_out_urls: Entries | None = None
    opted_out_domains: Entries | None = None


class LanguageSettings(Settings):
    """Which languages are kept, and the fastText model that tells them apart (null: the two models that ship).

    Attributes:
        raw: a caption's language is the model's own first label, as DataComp's baselines take it.
        source: what the languages that the input says of its texts are good for.
        report_min_texts: report and card name the languages of which so many texts were kept; null: they do not.
    """

    model: str | None = None
    raw: bool = False
    source: Literal["replace", "believe", "check"] = "replace"
    keep: tuple[LanguageCode, ...] | None = None
    min_score: Ratio | None = None
    report_min_texts: PositiveInt | None = None


class FrequencyRules(Settings):
    """Rules that need the whole input; a rule that is null is off. An image is its URL; each different one counts."""

    max_images_per_caption: PositiveInt | None = None
    max_captions_per_image: PositiveInt | None = None


class ConceptSettings(Settings):
    """The metadata entries a caption must match, as MetaCLIP does; matched ones are kept as column `matched_entries`.

    Attributes:
        entries: a JSON list or one entry a line for all languages, or a folder of such files named by language.
        spacing: "always" puts a space at both ends of every entry (MetaCLIP); "by_script" none at an end that is
            punctuation or of a script that is written without spaces (MetaCLIP 2, whose code leaves out kana);
            "by_script_and_kana" none beside kana either.
        min_matches: how many entries a caption must match; 0 only records them.
    """

    entries: Annotated[str, Field(min_length=1)]
    spacing: Literal["always", "by_script", "by_script_and_kana"] = "always"
    min_matches: Count = 1
