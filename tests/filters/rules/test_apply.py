import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters import text
from babelsift.filters.rules import CAPTION_RULES, URL_RULES, reject_by_captions, reject_by_language, reject_by_urls
from babelsift.filters.text.personal import KINDS
from babelsift.schemas import Decision, RecipeError
from babelsift.schemas.recipe import CaptionEdits, CaptionRules, LanguageSettings, PartsOfSpeech, UrlRules, Vocabulary

EVERY_RULE = CaptionRules(
    min_characters=3, max_characters=60, min_words=1, max_words=12, min_spaced_words=1, min_fasttext_tokens=1, min_letter_ratio=0.3, max_digit_ratio=0.5,
    max_punctuation_ratio=0.4, max_uppercase_ratio=0.9, max_token_repetition_ratio=0.5, reject_boilerplate=True,
    reject_filenames=True, reject_urls=True, reject_markup=True, reject_control_characters=True, reject_mojibake=True,
    reject_emails=True, reject_phone_numbers=True, reject_ip_addresses=True, reject_payment_cards=True,
    reject_ibans=True, reject_national_numbers=True, flagged_words=("porn", "黒い"), parts_of_speech=PartsOfSpeech(needs=("noun",)),
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
        ("a\x00b", {"reject_control_characters": True}, ("control_characters", "1", None)),
        ("cafÃ©", {"reject_mojibake": True}, ("mojibake", None, None)),
        ("a@b.de", {"reject_emails": True}, ("contains_email", "a@b.de", None)),
        ("+49 30 1234567", {"reject_phone_numbers": True}, ("contains_phone_number", "+49 30 1234567", None)),
        ("at 10.0.0.7", {"reject_ip_addresses": True}, ("contains_ip_address", "10.0.0.7", None)),
        ("4111 1111 1111 1111", {"reject_payment_cards": True}, ("contains_payment_card", "4111 1111 1111 1111", None)),
        ("to DE89370400440532013000", {"reject_ibans": True}, ("contains_iban", "DE89370400440532013000", None)),
        (
            "CPF 529.982.247-25",
            {"reject_national_numbers": True},
            ("contains_national_number", "529.982.247-25", None),
        ),
        ("Porn!", {"flagged_words": ("porn", "nude")}, ("flagged_word", "porn", "porn nude")),
        ("Porn!", {"flagged_words": {"shipped": ["en"]}}, ("flagged_word", "porn", "shipped:en")),
        (
            "Nude!",
            {"flagged_words": {"shipped": ["de"], "entries": ["nude"]}},
            ("flagged_word", "nude", "shipped:de nude"),
        ),
        ("very", {"parts_of_speech": PartsOfSpeech(needs=("noun",))}, ("missing_part_of_speech", None, "noun")),
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


HOSTILE = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.text(alphabet="e\u0301\u0327\u200f\u202e\u2066אبक्षे👩‍👧🏽𝔡\U000e0041\ufffd\x00 a1.@:Ã©", max_size=12),
    st.binary(max_size=8),
    st.just(b"a\xed\xa0\x80b"),  # a lone surrogate
)


def raw_strings(rows):
    """A string column of these bytes, valid or not."""
    content = [row.encode() if isinstance(row, str) else row for row in rows]
    return pa.array(content, pa.binary()).view(pa.string())


@given(st.lists(HOSTILE, max_size=6), st.integers(0, 6))
@settings(deadline=None, max_examples=50)
def test_no_character_crashes_a_rule_or_changes_a_neighbours_row(rows, at):
    every_edit = CaptionEdits(unicode="NFKC", repair_mojibake=True, mask=KINDS)

    def fates(rows):
        captions, changes = text.edit_captions(raw_strings(rows), every_edit)
        decision = Decision.keep_all(len(rows))
        reject_by_captions(captions, EVERY_RULE, decision)
        addresses = Decision.keep_all(len(rows))
        reject_by_urls(
            raw_strings(rows),
            UrlRules(blocked_hosts=("a.de",), reject_non_photos=True, opted_out_urls=("x",)),
            addresses,
        )
        found = (
            captions.to_pylist(),
            changes.to_pylist(),
            decision.reasons,
            decision.values,
            addresses.reasons,
            addresses.values,
        )
        return list(zip(*found, strict=True))

    apart = [fate for row in rows for fate in fates([row])]
    assert fates(rows) == apart
    assert fates([*rows[:at], "a\u0301\u202e", *rows[at:]])[: min(at, len(rows))] == apart[:at]


def test_a_list_in_a_file_is_named_by_it(tmp_path):
    (tmp_path / "hosts.txt").write_text("# bad\na.de\nb.de\n")
    path = str(tmp_path / "hosts.txt")
    assert decided(reject_by_urls, ["http://x.b.de/"], UrlRules(blocked_hosts=path)) == [
        ("blocked_host", "x.b.de", path)
    ]


def test_rare_tokens_by_a_vocabulary_file(tmp_path):
    (tmp_path / "v.txt").write_text("a\ndog\n")
    rules = CaptionRules(vocabulary=Vocabulary(file=str(tmp_path / "v.txt")))
    found = decided(reject_by_captions, ["a dog", "a cat"], rules)
    assert found == [(None, None, None), ("rare_token", None, str(tmp_path / "v.txt"))]


@pytest.mark.parametrize(
    ("apply", "rules", "message"),
    [
        (reject_by_captions, CaptionRules(flagged_words=()), r"captions\.flagged_words: the list has no word"),
        (reject_by_captions, CaptionRules(flagged_words="none.txt"), r"captions\.flagged_words: cannot read none\.txt"),
        (
            reject_by_captions,
            CaptionRules(vocabulary=Vocabulary(file="none.txt")),
            r"captions\.vocabulary\.file: cannot read",
        ),
        (reject_by_urls, UrlRules(blocked_suffixes=("a b",)), r"urls\.blocked_suffixes: 'a b' is no host name"),
        (reject_by_urls, UrlRules(opted_out_domains="none.txt"), r"urls\.opted_out_domains: cannot read none\.txt"),
    ],
)
def test_what_a_rule_needs_and_is_not_there_is_said_without_a_row(apply, rules, message):
    with pytest.raises(RecipeError, match=message):
        decided(apply, [], rules)


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
        ("http://x.a.de/", {"allowed_hosts": ("c.org",)}, ("host_not_allowed", "x.a.de", "c.org")),
        ("http://a.co.uk/", {"blocked_suffixes": ("uk",)}, ("blocked_suffix", "co.uk", "uk")),
        ("http://a.co.uk/", {"allowed_suffixes": ("org",)}, ("suffix_not_allowed", "co.uk", "org")),
        ("http://a.de/1x1.gif", {"reject_non_photos": True}, ("url_of_no_photo", "/1x1.", None)),
        ("http://a.de/x", {"opted_out_urls": ("https://a.de/x",)}, ("url_opted_out", None, "https://a.de/x")),
        ("http://i.a.de/x", {"opted_out_domains": ("a.de",)}, ("domain_opted_out", "i.a.de", "a.de")),
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
    assert found == [None, None, ("language_not_kept", "fr 0.90", "de eng"), ("language_score_too_low", "0.4", "0.5")]


def test_no_setting_keeps_everything_and_an_empty_list_nothing():
    assert by_language(LanguageSettings(), ["x"], ["und"], [0.0]) == [None]
    assert by_language(LanguageSettings(keep=()), ["x"], ["en"], [1.0]) == [("language_not_kept", "en 1.00", "")]


def test_a_language_can_be_kept_in_one_script():
    captions = ["црни пас", "crni pas", "чёрный пёс", "雪の犬"]
    found = by_language(LanguageSettings(keep=("sr-Latn", "ja-Jpan")), captions, ["sr", "sr", "ru", "ja"], [1.0] * 4)
    assert [entry is None for entry in found] == [False, True, False, True]
    with pytest.raises(RecipeError, match="'Blah'"):
        by_language(LanguageSettings(keep=("zh-Blah",)), ["雪"], ["zh"], [1.0])


@pytest.mark.parametrize(
    ("keep", "kept"),
    [(("zh-Hans",), [0, 2]), (("zh-Hant",), [1, 2]), (("zh-Hans", "zh-Hant"), [0, 1, 2]), (("zh-Hani",), [0, 1, 2])],
)
def test_chinese_can_be_kept_in_one_orthography_where_its_characters_tell(keep, kept):
    captions = ["小米手机壳 透明 iPhone", "小米手機殼 透明 iPhone", "白山雪", "機械の犬", "a dog", None]
    languages = ["zh", "zh", "zh", "ja", "zh", "und"]
    found = by_language(LanguageSettings(keep=keep), captions, languages, [1.0] * 6)
    assert [row for row, entry in enumerate(found) if entry is None] == kept


def test_two_rows_are_no_pair_of_characters():
    together = text.repair_mojibake(pa.array(["\x80", "\x80", "", "caf\u00c3", "\u00a9"])).to_pylist()
    assert together == ["\x80", "\x80", "", "caf\u00c3", "\u00a9"]
    assert text.repair_mojibake(pa.array(["caf\u00c3\u00a9"])).to_pylist() == ["café"]
