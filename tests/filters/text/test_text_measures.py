import math
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters import text

DIRTY = st.text("ab AB12.-é'犬の雪ตัวкоك 　\u200b\ufe0f😀", max_size=30)
MIXED = st.one_of(st.text(max_size=30), DIRTY, st.just("ein Hund, ein Haus"))


def one(measure, caption):
    return measure(pa.array([caption]))[0].as_py()


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("", 0),
        ("   ", 0),
        ("dog", 1),
        ("a dog in  the\tsnow", 5),
        ("don't well-known", 2),
        ("a - b", 3),
        ("собака в снегу", 3),
        ("كلب أسود في الثلج", 4),
        ("कुत्ता बर्फ में", 3),
        ("검은 개", 2),
        ("黑色的狗在雪地里", 6),
        ("犬", 1),
        ("雪の中の黒い犬", 5),
        ("สุนัขสีดำในหิมะ", 4),
        ("iPhone手机", 3),
        ("2020年最新款手机", 5),
        ("黑狗，雪地。", 3),
        ("ខ្មែរអង្គរ", 2),
        ("a 犬\u3000b", 3),
        (None, None),
    ],
)
def test_words_are_counted_by_script(caption, words):
    assert one(text.count_words, caption) == words


@given(st.lists(st.text(st.characters(max_codepoint=0xDFF), max_size=20), max_size=5))
@settings(deadline=None)
def test_words_of_spaced_scripts_are_those_that_split_gives(rows):
    assert text.count_words(pa.array(rows, pa.string())).to_pylist() == [len(row.split()) for row in rows]


@given(st.lists(MIXED, max_size=5))
@settings(deadline=None)
def test_words_of_a_column_are_those_of_each_row(rows):
    assert text.count_words(pa.array(rows, pa.string())).to_pylist() == [one(text.count_words, row) for row in rows]


def test_a_long_unspaced_caption_is_not_one_word():
    assert one(text.count_words, "สุนัขตัวใหญ่กำลังวิ่งเล่นอยู่บนชายหาดในตอนเช้า") >= 8
    assert one(text.count_words, "แมว") == 1


def scalar_ratio(caption, categories):
    visible = [
        c
        for c in caption
        if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf") and not 0xFE00 <= ord(c) <= 0xFE0F
    ]
    return sum(unicodedata.category(c).startswith(categories) for c in visible) / max(len(visible), 1)


BELOW_IDEOGRAPH_PLANES = st.text(st.characters(max_codepoint=0x1FFFF, exclude_categories=("Cs",)), max_size=30)


@pytest.mark.parametrize(
    ("measure", "categories"),
    [(text.letter_ratio, ("L", "M")), (text.digit_ratio, ("Nd",)), (text.punctuation_ratio, ("P", "S"))],
)
@given(rows=st.lists(st.one_of(BELOW_IDEOGRAPH_PLANES, DIRTY), max_size=4))
@settings(deadline=None, max_examples=60)
def test_ratios_agree_with_counting_one_by_one(measure, categories, rows):
    found = measure(pa.array(rows, pa.string())).to_pylist()
    assert found == pytest.approx([scalar_ratio(row, categories) for row in rows])


@pytest.mark.parametrize(
    ("caption", "ratio"),
    [("कुत्ता", 1.0), ("สุนัขสีดำ", 1.0), ("abc1", 0.75), ("123", 0.0), ("", 0.0), ("𠀀犬", 1.0), ("犬\ufe0f", 1.0)],
)
def test_vowel_signs_are_letters(caption, ratio):
    assert one(text.letter_ratio, caption) == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("caption", "ratio"), [("BUY", 1.0), ("Buy", 1 / 3), ("犬と猫", 0.0), ("١٢٣", 0.0), ("ЁЛКА ёлка", 0.5), ("", 0.0)]
)
def test_only_cased_letters_count_as_capitals(caption, ratio):
    assert one(text.uppercase_ratio, caption) == pytest.approx(ratio)


def test_digits_of_every_script_are_digits():
    assert text.digit_ratio(pa.array(["123", "١٢٣", "१२३", "１２３"])).to_pylist() == [1.0] * 4


@pytest.mark.parametrize(
    ("caption", "ratio"),
    [
        ("", 0.0),
        ("dog", 0.0),
        ("dog dog", 0.5),
        ("Dog, dog; DOG!", 2 / 3),
        ("don't don’t", 0.5),
        ("red/blue/red", 1 / 3),
        ("собака Собака", 0.5),
        ("照片照片照片", 0.6),
        ("雪地里的黑狗", 0.0),
        ("犬 犬", 0.5),
        ("หมาหมา", 0.4),
        ("ab ba", 0.0),
        ("!!! ???", 0.0),
        (None, None),
    ],
)
def test_token_repetition(caption, ratio):
    found = one(text.token_repetition_ratio, caption)
    assert found == ratio if ratio is None else math.isclose(found, ratio)


@given(st.lists(st.lists(st.sampled_from(["dog", "Hund", "собака", "a", "b1", "ab"]), max_size=8), max_size=5))
@settings(deadline=None)
def test_token_repetition_is_one_minus_distinct_over_all(rows):
    found = text.token_repetition_ratio(pa.array([" ".join(row) for row in rows], pa.string())).to_pylist()
    assert found == pytest.approx([1 - len(set(row)) / len(row) if row else 0 for row in rows])
