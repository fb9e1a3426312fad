import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.rules import CAPTION_RULES, URL_RULES, reject_by_captions, reject_by_language, reject_by_urls
from schemas import Decision, RecipeError
from schemas.recipe import CaptionRules, LanguageSettings, UrlRules

EVERY_RULE = CaptionRules(
    min_characters=3, max_characters=60, min_words=1, max_words=12, min_letter_ratio=0.3, max_digit_ratio=0.5,
    max_punctuation_ratio=0.4, max_uppercase_ratio=0.9, max_token_repetition_ratio=0.5, reject_boilerplate=True,
    reject_filenames=True, reject_urls=True, reject_markup=True,
)  # fmt: skip


def decided(apply, column, rules):
    decision = Decision.keep_all(len(column))
    apply(pa.array(column, pa.string()), rules, decision)
    reasons = [reason and reason.value for reason in decision.reasons]
    return list(zip(reasons, decision.values, decision.thresholds, strict=True))


@pytest.mark.parametrize(
    ("caption", "rules", "entry"),
    [
        ("ab", {"min_characters": 3}, ("too_few_characters", "2", "3")),
        ("", {"min_characters": 0}, (None, None, None)),
        ("a", {"max_characters": 0}, ("too_many_characters", "1", "0")),
        ("a dog", {"min_words": 3}, ("too_few_words", "2", "3")),
        ("a dog", {"max_words": 1}, ("too_many_words", "2", "1")),
        ("a12!", {"min_letter_ratio": 0.5}, ("letter_ratio_too_low", "0.25", "0.5")),
        ("a12!", {"max_digit_ratio": 0.25}, ("digit_ratio_too_high", "0.5", "0.25")),
        ("a12!", {"max_punctuation_ratio": 0.0}, ("punctuation_ratio_too_high", "0.25", "0")),
        ("BUY", {"max_uppercase_ratio": 0.9}, ("uppercase_ratio_too_high", "1", "0.9")),
        ("dog dog", {"max_token_repetition_ratio": 0.2}, ("repeated_tokens", "0.5", "0.2")),
        ("Bild 3", {"reject_boilerplate": True}, ("boilerplate_caption", "bild", None)),
        ("IMG_1.jpg", {"reject_filenames": True}, ("filename_caption", "IMG_1.jpg", None)),
        ("www.a.de", {"reject_urls": True}, ("url_caption", "1", None)),
        ("<b>dog", {"reject_markup": True}, ("markup_caption", "<b>", None)),
        ("<b> BUY www.a.de", {}, (None, None, None)),
        (None, {"min_words": 1}, ("too_few_words", None, "1")),
    ],
)
def test_each_caption_rule_says_what_it_found_and_asked_for(caption, rules, entry):
    assert decided(reject_by_captions, [caption, "ein dog"], CaptionRules(**rules))[0] == entry


def test_the_first_rule_broken_is_the_reason():
    found = decided(reject_by_captions, ["a", "IMG_1234.jpg", "a dog in the snow"], EVERY_RULE)
    assert [reason for reason, _, _ in found] == ["too_few_characters", "filename_caption", None]


def test_tables_have_a_line_for_every_setting_in_its_order():
    assert [rule.setting for rule in CAPTION_RULES] == list(CaptionRules.model_fields)
    assert {rule.setting for rule in URL_RULES} - {None} == set(UrlRules.model_fields)
    assert len({rule.reason for rule in CAPTION_RULES + URL_RULES}) == len(CAPTION_RULES) + len(URL_RULES)


@given(st.lists(st.one_of(st.none(), st.text(max_size=20)), max_size=8), st.integers(0, 8))
@settings(deadline=None, max_examples=60)
def test_rows_are_decided_independently(rows, cut):
    apart = decided(reject_by_captions, rows[:cut], EVERY_RULE) + decided(reject_by_captions, rows[cut:], EVERY_RULE)
    assert decided(reject_by_captions, rows, EVERY_RULE) == apart


@pytest.mark.parametrize(
    ("address", "rules", "entry"),
    [
        ("http://a.de/x", {}, (None, None, None)),
        ("http://a.de/x", {"max_characters": 5}, ("url_too_long", "13", "5")),
        ("ftp://a.de/x", {}, ("url_scheme", "ftp", "http https")),
        ("ftp://a.de/x", {"schemes": None}, (None, None, None)),
        ("a.jpg", {}, ("url_scheme", None, "http https")),
        ("http:///x", {}, ("url_without_host", None, None)),
        ("http://[::1/x", {}, ("url_without_host", None, None)),
        ("http://www.A.de/x", {"blocked_hosts": ("b.com", "a.de")}, ("blocked_host", "www.a.de", "b.com a.de")),
        (None, {}, ("url_too_long", None, "2048")),
    ],
)
def test_each_url_rule_says_what_it_found_and_asked_for(address, rules, entry):
    assert decided(reject_by_urls, [address, "http://c.org"], UrlRules(**rules))[0] == entry


def by_language(settings, captions, languages, scores):
    decision = Decision.keep_all(len(captions))
    columns = pa.array(captions), pa.array(languages), pa.array(scores, pa.float32())
    reject_by_language(*columns, settings, decision)
    return [reason and (reason.value, value, at) for reason, value, at in zip(decision.reasons, decision.values, decision.thresholds, strict=True)]  # fmt: skip


def test_languages_that_are_not_kept_and_those_not_sure():
    found = by_language(
        LanguageSettings(keep=("de", "eng"), min_score=0.5), ["x"] * 4, ["de", "en", "fr", "de"], [0.5, 0.9, 0.9, 0.4]
    )
    assert found == [None, None, ("language_not_kept", "fr", "de eng"), ("language_score_too_low", "0.4", "0.5")]


def test_no_setting_keeps_everything_and_an_empty_list_nothing():
    assert by_language(LanguageSettings(), ["x"], ["und"], [0.0]) == [None]
    assert by_language(LanguageSettings(keep=()), ["x"], ["en"], [1.0]) == [("language_not_kept", "en", "")]


def test_a_language_can_be_kept_in_one_script():
    captions = ["црни пас", "crni pas", "чёрный пёс", "雪の犬"]
    found = by_language(LanguageSettings(keep=("sr-Latn", "ja-Jpan")), captions, ["sr", "sr", "ru", "ja"], [1.0] * 4)
    assert [entry is None for entry in found] == [False, True, False, True]
    with pytest.raises(RecipeError, match="'Hant'"):
        by_language(LanguageSettings(keep=("zh-Hant",)), ["雪"], ["zh"], [1.0])
