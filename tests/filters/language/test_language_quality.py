"""How often the identifier is right on short alt-text, held against the raw model's top label in the same run."""

from collections import defaultdict
from pathlib import Path

import fasttext
import pyarrow as pa
import pytest

from babelsift.filters.language import LanguageIdentifier
from babelsift.filters.language.codes import parse_label
from babelsift.filters.language.identifier import shipped_model
from babelsift.filters.language.priors import alphabet_weight, most_likely, web_weight

# Alt-text as shops, blogs and news sites write it, put down by hand. It was looked at while the rules were made (the
# floor for single words, Serbian in Latin script), so it guards against regressions and is no held-out measure.
LABELLED = [
    line.split("\t")
    for line in Path(__file__).with_name("data").joinpath("alt_text.tsv").read_text(encoding="utf-8").splitlines()
]


@pytest.fixture(scope="module")
def identifier():
    return LanguageIdentifier()


def right_by_language(golden, found):
    right = defaultdict(list)
    for language, answer in zip(golden, found, strict=True):
        right[language].append(answer == language)
    return {language: sum(hits) / len(hits) for language, hits in right.items()}


def macro(golden, found):
    right = right_by_language(golden, found)
    return sum(right.values()) / len(right)


def ask(identifier, captions):
    return identifier.identify(pa.array(captions, pa.string())).column("language").to_pylist()


def ask_raw(captions):
    model = fasttext.load_model(shipped_model())
    tops = (model.predict(caption)[0] for caption in captions)
    return [parse_label(top[0])[0] if top else "und" for top in tops]


@pytest.mark.parametrize(
    ("change", "margin"),
    [
        (lambda caption: caption, 0.015),
        (lambda caption: " ".join(caption.split()[:3]), 0.015),
        (lambda caption: " ".join(caption.split()[:2]), 0.015),
        (lambda caption: " ".join(caption.split()[:1]), 0.015),
        (str.title, 0.04),
        (str.upper, 0.3),
        (lambda caption: f"{caption} IMG_20210304_1234.jpg", 0.1),
        (lambda caption: f"{caption} https://www.example-shop.com/products/item-123?ref=abc", 0.2),
        (lambda caption: f"{caption} #instagood #photooftheday", 0.03),
        (lambda caption: f"&quot;{caption}&quot; &amp; &#10084;", 0.03),
        (lambda caption: f"{caption} | SKU-4821X A7F3", 0.015),
    ],
    ids=["as_is", "3_words", "2_words", "1_word", "title", "upper", "file", "url", "hashtags", "entities", "product"],
)
def test_short_alt_text_beats_the_raw_model(identifier, change, margin):
    golden = [language for language, _ in LABELLED]
    captions = [change(caption) for _, caption in LABELLED]
    ours, raw = macro(golden, ask(identifier, captions)), macro(golden, ask_raw(captions))
    assert ours > raw + margin


def test_languages_with_a_script_or_letters_of_their_own_are_told_apart(identifier):
    golden, captions = zip(*LABELLED, strict=True)
    right = right_by_language(golden, ask(identifier, captions))
    for language in (
        "zh",
        "ja",
        "ko",
        "th",
        "ar",
        "fa",
        "he",
        "el",
        "ka",
        "hy",
        "am",
        "vi",
        "bn",
        "ta",
        "te",
    ):
        assert right[language] >= 0.97, language
    # A name of two words may be either's.
    assert min(right["hi"], right["mr"]) >= 0.9
    assert right["ru"] >= 0.9
    assert right["ur"] >= 0.9
    assert right["uk"] >= 0.9
    assert ask(identifier, captions).count("und") <= 2


@pytest.mark.parametrize(
    ("caption", "language"),
    [
        ("Louis Vuitton 手袋", "zh"),
        ("Apple iPhone 14 Pro Max 256GB 深空黑", "zh"),
        ("Yves Saint Laurent 口紅", "zh"),
        ("Adobe Photoshop CC 2019 教程", "zh"),
        ("The Great Wall of China (长城) in winter", "en"),
        ("The Great Wall of China (长城)", "en"),
        ("Ein Wochenende in Москва mit Freunden", "de"),
        ("cafe\u0301 ferme\u0301 pour l'e\u0301te\u0301", "fr"),
        ("1234.jpg Gato blanco en el sofá", "es"),
        ("Кіт", "uk"),
        ("the dog", "en"),
        ("asdf", "und"),
        ("PDF", "und"),
        ("SONY WH", "und"),
        ("НОВИНКА", "ru"),
    ],
)
def test_short_and_mixed_captions(identifier, caption, language):
    assert ask(identifier, [caption]) == [language]


def test_letters_that_an_alphabet_lacks_weigh_against_a_language():
    assert alphabet_weight("pl", "Latn", frozenset("łódź")) == 1
    assert alphabet_weight("cs", "Latn", frozenset("łódź")) < alphabet_weight("cs", "Latn", frozenset("lódź")) < 1
    assert alphabet_weight("ru", "Cyrl", frozenset("київ")) < 1 == alphabet_weight("uk", "Cyrl", frozenset("київ"))
    assert alphabet_weight("ar", "Arab", frozenset("پ")) < 1 == alphabet_weight("fa", "Arab", frozenset("پ"))
    assert alphabet_weight("hi", "Deva", frozenset("काळा")) < 1 == alphabet_weight("mr", "Deva", frozenset("काळा"))
    assert alphabet_weight("war", "Latn", frozenset("łß")) == 1


def test_common_languages_count_more():
    assert web_weight("hr", "Latn") > web_weight("sr", "Latn") > web_weight("vls", "Latn") > 0
    assert web_weight("sr", "Cyrl") == web_weight("ru", "Cyrl")


def test_a_common_language_outweighs_a_rare_one_that_the_model_puts_first():
    letters = frozenset("hund")
    answers = [("nds", 0.4), ("de", 0.2), ("nl", 0.15)]
    assert most_likely(answers, "Latn", letters, rest=0.15) == ("de", 0.2)
    assert most_likely([("nds", 0.9), ("de", 0.01)], "Latn", letters, rest=0.01) == ("nds", 0.9)


def test_no_answer_is_given_while_an_unseen_one_may_be_more_likely():
    letters = frozenset("hund")
    assert most_likely([("nds", 0.4)], "Latn", letters, rest=0.4) is None
    assert most_likely([("de", 0.4)], "Latn", letters, rest=0.4) == ("de", 0.4)
    assert most_likely([], "Latn", letters, rest=0.0) is None
