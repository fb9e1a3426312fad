import pytest

from babelsift.filters.language import LanguageIdentifier, check_languages
from babelsift.schemas import RecipeError, parse_recipe


@pytest.fixture(scope="module")
def identifier():
    return LanguageIdentifier()


def check(text, identifier):
    check_languages(parse_recipe(f"name: mine\n{text}", source="mine.yaml").named_languages, identifier)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("language: {keep: [en, nya]}", "language.keep: the language model lid.176 cannot identify 'nya'"),
        ("language: {keep: [xxx]}", "language.keep: the language model lid.176 cannot identify 'xxx'"),
        ("select: {languages: [eng]}", "select.languages: captions in 'eng' are labelled 'en'; write 'en'"),
        ("select: {languages: [sr-Latn]}", "select.languages: 'sr-Latn' names a script"),
        ("select: {caps: {per_language: {ny: 3, default: 5}}}", "select.caps.per_language: the language model"),
        ("clip: {model: m}\nselect: {min_similarity: {ny: 0.3}}", "select.min_similarity: the language model"),
        ("clip: [{model: m, languages: [ny]}, {model: n, languages: others}]", "clip.languages: the language model"),
        ("language: {keep: [en-Cyrl]}", "language.keep: no caption in Cyrl is labelled 'en'"),
        ("language: {keep: [zh-Latn]}", "language.keep: no caption in Latn is labelled 'zh'"),
        ("select: {conditions: {language: {in: [en, xx]}}}", "select.conditions.language: the language model"),
        ("select: {conditions: {language: {in: [nob]}}}", "select.conditions.language: captions in 'nob' are labelled"),
    ],
)
def test_a_language_that_no_caption_can_be_in_is_refused(text, message, identifier):
    with pytest.raises(RecipeError) as raised:
        check(text, identifier)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "language: {keep: [eng, nob, cmn, sr-Latn, und, yi, chr]}",
        "language: {keep: [sr-Cyrl, zh-Hans, zh-Hani, ja-Jpan, ja-Hira, ko-Kore, ar-Arab, en-Latn, sd-Deva, az-Cyrl]}",
        "select: {conditions: {language: {not_in: [xx, nya]}}}",
        "select: {languages: [en, 'no', und], caps: {per_language: {fi: 3, default: 5}}}",
    ],
)
def test_other_spellings_of_languages_and_those_of_scripts_pass(text, identifier):
    check(text, identifier)


def test_an_identifier_says_which_languages_it_can_answer(identifier):
    assert {"en", "zh", "ja", "ko", "yi", "und", "iu", "zu", "xh", "mi"} <= identifier.languages
    assert not {"wuu", "arc", "nya", "yue"} & identifier.languages
