import unicodedata

import numpy as np
import pyarrow as pa
import pytest

from babelsift.filters.strings import flatten
from babelsift.filters.strings.script import (
    SCRIPTS,
    count_letters_by_script,
    dominant_scripts,
    is_mainly_in_script,
    script_table,
)


@pytest.mark.parametrize(
    ("caption", "script"),
    [
        ("a dog", "Latn"), ("собака", "Cyrl"), ("σκύλος", "Grek"), ("כלב", "Hebr"), ("كلب", "Arab"), ("कुत्ता", "Deva"),
        ("কুকুর", "Beng"), ("நாய்", "Taml"), ("สุนัข", "Thai"), ("ໝາ", "Laoo"), ("ខ្មែរ", "Khmr"), ("ခွေး", "Mymr"), ("ძაღლი", "Geor"),
        ("շուն", "Armn"), ("개", "Hang"), ("犬", "Hani"), ("いぬ", "Hira"), ("イヌー", "Kana"), ("ውሻ", "Ethi"), ("𠀀", "Hani"),
        ("Sony 頭戴式耳機", "Hani"), ("Чехол для Apple iPhone 13", "Cyrl"), ("a photograph of the word собака", "Latn"),
        ("123 !?", "Zyyy"), ("😀", "Zyyy"), ("", "Zyyy"), (None, None),
    ],
)  # fmt: skip
def test_dominant_script(caption, script):
    assert dominant_scripts(pa.array([caption], pa.string())).to_pylist() == [script]


def test_the_table_agrees_with_the_names_of_characters():
    names = {
        "Grek": "GREEK SMALL LETTER",
        "Cyrl": "CYRILLIC SMALL LETTER",
        "Hebr": "HEBREW LETTER",
        "Thai": "THAI CHARACTER",
        "Deva": "DEVANAGARI LETTER",
        "Hang": "HANGUL LETTER",
    }
    table = script_table()
    for script, name in names.items():
        letters = [cp for cp in range(0x3200) if unicodedata.name(chr(cp), "").startswith(name)]
        assert {SCRIPTS[table[cp]] for cp in letters} == {script}


def test_letters_are_counted_by_row_and_script():
    counts = count_letters_by_script(flatten(pa.array(["a犬1", "", "бб b", None])))
    found = {(row, SCRIPTS[script]): int(counts[row, script]) for row, script in zip(*np.nonzero(counts), strict=True)}
    assert found == {(0, "Latn"): 1, (0, "Hani"): 1, (2, "Cyrl"): 2, (2, "Latn"): 1}


def test_an_unknown_script_is_refused():
    with pytest.raises(ValueError, match="'Klin'"):
        is_mainly_in_script(pa.array(["a"]), scripts=("Klin",))
