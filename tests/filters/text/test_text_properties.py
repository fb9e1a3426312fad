"""What holds of every caption and URL filter, whatever it is given."""

from functools import partial

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters import text, urls
from babelsift.filters.strings import is_mainly_in_script
from babelsift.filters.text.personal import KINDS

PIECES = st.sampled_from(
    [
        "dog",
        "Hund im Schnee",
        "黒い犬",
        "สุนัข",
        "собака",
        "كلب",
        "कुत्ता",
        "IMG_12.jpg",
        "http://a.com/b",
        "<b>",
        "12",
        "image",
        "!",
        "\x00",
        "é",
        "é",
        "İ",
        "ǅ",
        "😀",
        "\u200f",
        "\u202e",
        "cafÃ©",
        "�",
        "a.b@c.org",
        "10.0.0.7",
        "4111 1111 1111 1111",
        "tel. 030 1234567",
        "𝔡𝔬𝔤",
        " ",
        "",
    ]
)
TEXTS = st.one_of(
    st.none(), st.text(max_size=20), st.lists(PIECES, max_size=5).map(" ".join), st.lists(PIECES).map("".join)
)
COLUMNS = st.lists(TEXTS, max_size=8)

FILTERS = {
    "has_min_characters": partial(text.has_min_characters, minimum=3),
    "has_max_characters": partial(text.has_max_characters, maximum=8),
    "has_min_words": partial(text.has_min_words, minimum=2),
    "has_min_spaced_words": partial(text.has_min_spaced_words, minimum=2),
    "has_min_fasttext_tokens": partial(text.has_min_fasttext_tokens, minimum=2),
    "has_max_words": partial(text.has_max_words, maximum=3),
    "has_min_letter_ratio": partial(text.has_min_letter_ratio, minimum=0.6),
    "has_max_digit_ratio": partial(text.has_max_digit_ratio, maximum=0.2),
    "has_max_punctuation_ratio": partial(text.has_max_punctuation_ratio, maximum=0.2),
    "has_max_uppercase_ratio": partial(text.has_max_uppercase_ratio, maximum=0.5),
    "has_max_token_repetition_ratio": partial(text.has_max_token_repetition_ratio, maximum=0.2),
    "is_not_boilerplate": text.is_not_boilerplate,
    "is_not_filename": text.is_not_filename,
    "is_not_url": text.is_not_url,
    "is_free_of_markup": text.is_free_of_markup,
    "is_mainly_in_script": partial(is_mainly_in_script, scripts=("Latn", "Hani")),
    "has_max_url_characters": partial(urls.has_max_url_characters, maximum=8),
    "has_allowed_scheme": partial(urls.has_allowed_scheme, schemes=("http",)),
    "has_host": urls.has_host,
    "is_not_on_blocked_host": partial(urls.is_not_on_blocked_host, blocked_hosts=("b.com",)),
    "is_on_allowed_host": partial(urls.is_on_allowed_host, allowed_hosts=("b.com",)),
    "is_not_on_blocked_suffix": partial(urls.is_not_on_blocked_suffix, blocked_suffixes=("uk", "рф")),
    "is_on_allowed_suffix": partial(urls.is_on_allowed_suffix, allowed_suffixes=("com",)),
    "is_not_opted_out": partial(urls.is_not_opted_out, opted_out_urls=("http://b.com/",)),
    "is_not_non_photo": urls.is_not_non_photo,
    "is_free_of_control_characters": text.is_free_of_control_characters,
    "is_free_of_mojibake": text.is_free_of_mojibake,
    "is_free_of_flagged_words": partial(text.is_free_of_flagged_words, words=("dog", "黒い", "é")),
    "has_frequent_tokens_only": partial(
        text.has_frequent_tokens_only,
        vocabulary=text.NgramVocabulary.of(["dog", "黒い", "im schnee", "im"]),
        bigrams=True,
    ),
    "has_parts_of_speech": partial(
        text.has_parts_of_speech, needs=("noun",), tagger=lambda texts: [["NOUN"] * ("d" in text) for text in texts]
    ),
    **{kind: partial(text.is_free_of_personal_data, kind=kind) for kind in KINDS},
}
EVERY_FILTER = pytest.mark.parametrize("keeps", FILTERS.values(), ids=FILTERS.keys())


@EVERY_FILTER
@given(rows=COLUMNS)
@settings(max_examples=40, deadline=None)
def test_keeps_length_has_no_nulls_and_never_keeps_null(keeps, rows):
    kept = keeps(pa.array(rows, pa.string()))
    assert kept.type == pa.bool_()
    assert len(kept) == len(rows)
    assert kept.null_count == 0
    assert not any(answer for answer, row in zip(kept.to_pylist(), rows, strict=True) if row is None)


@EVERY_FILTER
@given(rows=COLUMNS, cut=st.integers(0, 8))
@settings(max_examples=40, deadline=None)
def test_split_then_concatenated_is_the_same(keeps, rows, cut):
    whole = pa.array(rows, pa.string())
    parts = keeps(whole[:cut]).to_pylist() + keeps(whole[cut:]).to_pylist()
    assert parts == keeps(pa.array(rows, pa.large_string())).to_pylist()


@EVERY_FILTER
def test_takes_empty_chunked_dictionary_and_null_columns(keeps):
    assert len(keeps(pa.array([], pa.string()))) == 0
    rows = ["http://b.com/", None, "ein Hund", "ein Hund"]
    expected = keeps(pa.array(rows)).to_pylist()
    assert keeps(pa.chunked_array([rows[:1], rows[1:]])).to_pylist() == expected
    assert keeps(pa.array(rows).dictionary_encode()).to_pylist() == expected
    assert keeps(pa.nulls(2)).to_pylist() == [False, False]


@EVERY_FILTER
def test_broken_utf8_is_an_answer_and_no_crash(keeps):
    # A lone surrogate, a byte that begins nothing, and one character torn over two rows.
    content = b"a\xed\xa0\x80b" + b"\xff" + b"\xe7\x8a" + b"\xac"
    offsets = pa.array([0, 5, 6, 8, 9], pa.int32()).buffers()[1]
    broken = pa.StringArray.from_buffers(4, offsets, pa.py_buffer(content))
    repaired = pa.array(
        [part.decode(errors="replace") for part in (content[:5], content[5:6], content[6:8], content[8:])]
    )
    assert keeps(broken).to_pylist() == keeps(repaired).to_pylist()


@EVERY_FILTER
def test_refuses_what_is_not_text(keeps):
    with pytest.raises(TypeError, match="int64"):
        keeps(pa.array([1, 2]))


THRESHOLDS = {
    "min_characters": (text.has_min_characters, "minimum", text.count_characters, 12),
    "max_characters": (text.has_max_characters, "maximum", text.count_characters, 12),
    "min_words": (text.has_min_words, "minimum", text.count_words, 6),
    "min_spaced_words": (text.has_min_spaced_words, "minimum", text.count_spaced_words, 6),
    "min_fasttext_tokens": (text.has_min_fasttext_tokens, "minimum", text.count_fasttext_tokens, 6),
    "max_words": (text.has_max_words, "maximum", text.count_words, 6),
    "min_letter_ratio": (text.has_min_letter_ratio, "minimum", text.letter_ratio, 1.0),
    "max_digit_ratio": (text.has_max_digit_ratio, "maximum", text.digit_ratio, 1.0),
    "max_punctuation_ratio": (text.has_max_punctuation_ratio, "maximum", text.punctuation_ratio, 1.0),
    "max_uppercase_ratio": (text.has_max_uppercase_ratio, "maximum", text.uppercase_ratio, 1.0),
    "max_repetition": (text.has_max_token_repetition_ratio, "maximum", text.token_repetition_ratio, 1.0),
}
EVERY_THRESHOLD = pytest.mark.parametrize(
    ("keeps", "keyword", "measure", "highest"), THRESHOLDS.values(), ids=THRESHOLDS.keys()
)


@EVERY_THRESHOLD
@given(rows=COLUMNS, fraction=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_filter_is_its_measure_compared(keeps, keyword, measure, highest, rows, fraction):
    threshold = type(highest)(highest * fraction)
    captions = pa.array(rows, pa.string())
    values = measure(captions).to_pylist()
    assert [value is None for value in values] == [row is None for row in rows]
    at_least = keyword == "minimum"
    expected = [v is not None and (v >= threshold if at_least else v <= threshold) for v in values]
    assert keeps(captions, **{keyword: threshold}).to_pylist() == expected


@EVERY_THRESHOLD
@given(rows=COLUMNS, fractions=st.tuples(st.floats(0, 1), st.floats(0, 1)))
@settings(max_examples=40, deadline=None)
def test_stricter_threshold_never_keeps_more(keeps, keyword, measure, highest, rows, fractions):
    low, high = sorted(type(highest)(highest * fraction) for fraction in fractions)
    strict, mild = (high, low) if keyword == "minimum" else (low, high)
    captions = pa.array(rows, pa.string())
    strictly, mildly = keeps(captions, **{keyword: strict}), keeps(captions, **{keyword: mild})
    assert all(not a or b for a, b in zip(strictly.to_pylist(), mildly.to_pylist(), strict=True))


@EVERY_THRESHOLD
def test_impossible_thresholds_are_refused(keeps, keyword, measure, highest):
    with pytest.raises(ValueError, match="-1"):
        keeps(pa.array(["a"]), **{keyword: -1})
