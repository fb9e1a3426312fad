from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from babelsift.filters.concepts import ConceptMatcher, space_entries

_DATA = Path(__file__).with_name("data")
_RANGES = [
    tuple(int(end, 16) for end in line.split())
    for line in _DATA.joinpath("metaclip2_unspaced.txt").read_text(encoding="utf-8").splitlines()[1:]
]
_ENTRIES = [
    line.split("\t") for line in _DATA.joinpath("metaclip2_entries.tsv").read_text(encoding="utf-8").splitlines()[1:]
]


def metaclip_2(entry):
    before, after = (
        "" if any(first <= ord(end) <= last for first, last in _RANGES) else " " for end in (entry[0], entry[-1])
    )
    return f"{before}{entry}{after}"


@given(st.text(min_size=1))
@example("C++")
@example("\U0002b81f")
@example("\U0002ebf0")
def test_every_entry_is_spaced_as_metaclip_2_does(entry):
    assert space_entries([entry], spacing="by_script") == [metaclip_2(entry)]


def test_every_end_of_a_range_is_where_metaclip_2_has_it():
    for first, last in _RANGES:
        ends = [chr(code) for code in (first - 1, first, last, last + 1)]
        assert space_entries(ends, spacing="by_script") == [metaclip_2(end) for end in ends]


def test_the_facts_themselves():
    entries, spaced = zip(*_ENTRIES, strict=True)
    assert [f"|{entry}|" for entry in space_entries(entries, spacing="by_script")] == list(spaced)


@pytest.mark.parametrize(
    ("entry", "caption", "matches"),
    [
        ("C++", "Learn C++11 fast", True),
        ("C++", "Learn BC++ fast", False),
        ("(a)", "about(a)b", True),
        ("猫カフェ", "東京の猫カフェ", True),
        ("猫カフェ", "東京の猫カフェへ", False),
        ("カフェ猫", "東京のカフェ猫", False),
    ],
)
def test_a_caption_matches_as_it_does_there(entry, caption, matches):
    found = ConceptMatcher({"": [entry]}, spacing="by_script").match(pa.array([caption]), pa.array(["en"]))
    assert found.to_pylist() == [[0] if matches else []]


def test_kana_is_a_setting():
    assert space_entries(["かな", "カタカナ", "ｶﾅ", "猫カフェ"], spacing="by_script_and_kana") == [
        "かな",
        "カタカナ",
        "ｶﾅ",
        "猫カフェ",
    ]
