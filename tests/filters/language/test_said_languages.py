import pyarrow as pa
import pytest

from babelsift.filters.language import agreed_languages, said_language, said_languages


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("en", "en"),
        (" EN ", "en"),
        ("en-US", "en"),
        ("pt_BR", "pt"),
        ("zh-Hant-TW", "zh"),
        ("zh-yue", "yue"),
        ("zh-yue-HK", "yue"),
        ("ar-arz", "arz"),
        ("en-usa", "en"),
        ("deu", "de"),
        ("ger", "de"),
        ("iw", "he"),
        ("nb", "no"),
        ("fil", "tl"),
        ("simple", "en"),
        ("be-x-old", "be"),
        ("be-tarask", "be"),
        ("bat_smg", "sgs"),
        ("zh-min-nan", "nan"),
        ("sr-Latn", "sr"),
        ("lah", "lah"),
        *(
            (nothing, None)
            for nothing in ("", "English", "x-default", "en,fr", "qq", "und", "mul", "zxx", "nolang", "1")
        ),
    ],
)
def test_a_language_is_read_in_the_spellings_that_people_have(text, language):
    assert said_language(text) == language


def test_nulls_say_nothing():
    assert said_languages(pa.array([None, "de", "?"])).to_pylist() == [None, "de", None]
    assert said_languages(pa.array([], pa.string())).to_pylist() == []
    assert said_languages(pa.array(["en", "de", "en"]).slice(1)).to_pylist() == ["de", "en"]


@pytest.mark.parametrize(
    ("said", "found", "agreed"),
    [
        ("de", "de", "de"),
        ("de", "en", None),
        (None, "en", "en"),
        (None, "und", "und"),
        ("de", "und", "de"),
        ("hbs", "sr", "sr"),
        ("nn", "no", "nn"),
        ("zh", "yue", "yue"),
        ("yue", "zh", "yue"),
        ("hr", "sr", None),
        ("quy", "es", "quy"),  # which the model does not know
    ],
)
def test_what_both_say_counts_and_what_one_alone_can_tell(said, found, agreed):
    known = frozenset({"de", "en", "hbs", "sr", "hr", "nn", "no", "zh", "yue"})
    assert agreed_languages(pa.array([said], pa.string()), pa.array([found]), known).to_pylist() == [agreed]
