import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters.dedup import comparable_captions


def compared(*captions):
    return comparable_captions(pa.array(captions, pa.string())).to_pylist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Red  Shoes!", "red shoes"),
        ("ＲＥＤ　ｓｈｏｅｓ", "red shoes"),
        ("red\u200b sho\u00ades", "red shoes"),
        ("cafe\u0301", "CAFÉ"),
        ("«red» - shoes.", "red shoes"),
        ("İstanbul", "istanbul"),
        ("雪山，風景", "雪山 風景"),
    ],
)
def test_spelling_makes_no_difference(one, other):
    assert compared(one) == compared(other)


@pytest.mark.parametrize(
    ("one", "other"), [("iPhone 12", "iPhone 13"), ("redshoes", "red shoes"), ("!!!", "???"), ("कि", "की"), ("", None)]
)
def test_words_and_numbers_do(one, other):
    assert compared(one) != compared(other)


@given(st.lists(st.one_of(st.none(), st.text(max_size=20)), max_size=6), st.integers(0, 6))
@settings(deadline=None, max_examples=60)
def test_rows_are_independent(captions, cut):
    assert compared(*captions[:cut]) + compared(*captions[cut:]) == compared(*captions)
    assert [caption is None for caption in compared(*captions)] == [caption is None for caption in captions]
