import pickle
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters.language import LanguageIdentifier
from babelsift.filters.language.codes import parse_label
from babelsift.schemas import ModelError
from babelsift.schemas.languages import normalise_language


@pytest.fixture(scope="module")
def identifier():
    return LanguageIdentifier()


def languages(identifier, captions):
    return identifier.identify(pa.array(captions, pa.string())).column("language").to_pylist()


@pytest.mark.parametrize(
    "caption",
    [
        "BUY NOW",
        "IMG_1234.jpg",
        "",
        " ",
        "12345",
        None,
        "😀😀😀",
        "http://example.com/ein/hund",
        "A+",
        "\u200b",
        "犬",
        "WH-1000XM4",
    ],
)
def test_thin_evidence_is_undetermined_with_score_zero(identifier, caption):
    batch = identifier.identify(pa.array([caption], pa.string()))
    assert batch.to_pylist() == [{"language": "und", "language_score": 0.0}]


@pytest.mark.parametrize(
    ("caption", "language"),
    [
        ("chien noir dans la neige", "fr"), ("BUY NOW AND SAVE ON WINTER COATS", "en"), ("ein schwarzer Hund im Schnee", "de"),
        ("černý pes ve sněhu", "cs"), ("un perro negro en la nieve", "es"), ("собака бежит по снегу", "ru"),
        ("чорний собака біжить по снігу", "uk"), ("كلب أسود يركض في الثلج", "ar"), ("سگ سیاه در برف می‌دود", "fa"),
        ("برف میں ایک کالا کتا ہے", "ur"), ("बर्फ में एक काला कुत्ता है", "hi"), ("雪地里的黑狗", "zh"), ("雪の中の黒い犬", "ja"),
        ("クロイイヌ", "ja"), ("눈 속의 검은 개", "ko"), ("สุนัขสีดำในหิมะ", "th"), ("μαύρος σκύλος στο χιόνι", "el"), ("כלב שחור בשלג", "he"),
        ("შავი ძაღლი თოვლში", "ka"), ("սև շուն ձյան մեջ", "hy"), ("பனியில் கருப்பு நாய்", "ta"), ("তুষারে একটি কালো কুকুর", "bn"),
        ("佢哋喺度食緊飯", "yue"), ("Чехол для Apple iPhone 13 Pro Max", "ru"), ("Sony 頭戴式耳機 WH-1000XM4", "zh"),
        ("ein Hund im Schnee | www.example.com/IMG_1234.jpg 😀", "de"), ("<b>ein Hund</b> im Schnee &uuml;berall", "de"),
        ("ein Hund\nim\x00 Schnee\u200b", "de"), ("优质商品の专卖店全国连锁经营", "zh"),
    ],
)  # fmt: skip
def test_languages(identifier, caption, language):
    batch = identifier.identify(pa.array([caption]))
    assert batch.column("language").to_pylist() == [language]
    assert 0.2 <= batch.column("language_score")[0].as_py() <= 1


def test_capitals_do_not_change_the_answer(identifier):
    captions = [
        "ein schwarzer Hund im tiefen Schnee",
        "un chien noir court dans la neige",
        "a black dog runs in the snow",
    ]
    assert languages(identifier, [caption.upper() for caption in captions]) == languages(identifier, captions)
    assert languages(identifier, [caption.title() for caption in captions]) == ["de", "fr", "en"]


SCRIPT_ONLY = {
    "犬猫山川雪天地人": {"zh", "und"},
    "가나다라마바": {"ko", "und"},
    "αβγδε": {"el", "und"},
    "абвгд": None,
    "ابتثج": None,
}


@pytest.mark.parametrize(("letters", "allowed"), SCRIPT_ONLY.items())
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_an_answer_is_written_in_the_script_at_hand(identifier, letters, allowed, data):
    captions = data.draw(st.lists(st.text(letters + " 1.", max_size=30), max_size=5))
    never = {"en", "fr", "de", "ja", "vi"}
    for found in languages(identifier, captions):
        assert found in allowed if allowed else found not in never


@given(st.lists(st.one_of(st.none(), st.text(max_size=40)), max_size=6), st.integers(0, 6))
@settings(deadline=None, max_examples=60)
def test_columns_are_whole_and_rows_independent(identifier, rows, cut):
    captions = pa.array(rows, pa.string())
    batch = identifier.identify(captions)
    assert batch.schema.types == [pa.string(), pa.float32()]
    assert batch.num_rows == len(rows)
    assert batch.column(0).null_count == batch.column(1).null_count == 0
    scores = batch.column("language_score").to_numpy()
    undetermined = np.array([language == "und" for language in batch.column("language").to_pylist()], dtype=bool)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (scores[undetermined] == 0).all()
    parts = (
        identifier.identify(captions[:cut]).to_pylist()
        + identifier.identify(captions[cut:].cast(pa.large_string())).to_pylist()
    )
    assert parts == batch.to_pylist()


def test_lone_surrogates_and_monstrous_captions_are_answered(identifier):
    offsets = pa.array([0, 22], pa.int32()).buffers()[1]
    broken = pa.StringArray.from_buffers(1, offsets, pa.py_buffer(b"ein Hund \xed\xa0\x80 im Schnee"))
    assert identifier.identify(broken).column("language").to_pylist() == ["de"]
    assert languages(identifier, ["ein Hund im Schnee " * 100_000]) == ["de"]
    assert languages(identifier, [noise * 200_000 for noise in ("a@b.", "&lt;", "a.jpg#", "www.")]) == ["und"] * 4


@pytest.mark.parametrize("other", ["cafe\u0301", "&amp;", "www.example.com", "a\u200bb", "Hund 1", "x" * 2000, "の"])
def test_a_caption_does_not_change_its_neighbours(identifier, other):
    captions = ["LOGONA Natural Nail Top Coat päällyslakka", "&copy 2020 Ein Hund", "www.1and1tel", "chien à la plage"]
    alone = [identifier.identify(pa.array([caption])).to_pylist() for caption in captions]
    together = identifier.identify(pa.array([*captions, other])).to_pylist()[:-1]
    assert [[row] for row in together] == alone


def test_pickles_without_its_model(identifier):
    identifier.load()
    content = pickle.dumps(identifier)
    assert len(content) < 1000
    assert languages(pickle.loads(content), ["ein schwarzer Hund im Schnee"]) == ["de"]


def test_a_missing_model_is_one_clear_line(tmp_path):
    with pytest.raises(
        ModelError, match=r"cannot read the language model .*nowhere\.bin .*set language\.model"
    ) as caught:
        LanguageIdentifier(str(tmp_path / "nowhere.bin")).load()
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match="cannot read"):
        LanguageIdentifier(str(tmp_path)).load()


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model" * 20, struct.pack("<ii", 793712314, 12), struct.pack("<ii", 793712314, 99) + bytes(100)],
)
def test_a_file_that_is_no_model_is_one_clear_line(tmp_path, content):
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.bin is not a fastText model"):
        LanguageIdentifier(str(path)).load()


def test_a_truncated_model_is_one_clear_line(tmp_path):
    from babelsift.filters.language.model_file import shipped_model

    path = tmp_path / "model.ftz"
    with open(shipped_model(), "rb") as shipped:
        path.write_bytes(shipped.read(200_000))
    with pytest.raises(ModelError, match=r"model\.ftz is not a usable fastText model .*download it again"):
        LanguageIdentifier(str(path)).load()


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("__label__en", ("en", ("Latn",))),
        ("__label__eng_Latn", ("en", ("Latn",))),
        ("__label__zho_Hans", ("zh", ("Hani",))),
        ("__label__cmn_Hani", ("zh", ("Hani",))),
        ("__label__jpn_Jpan", ("ja", ("Hani", "Hira", "Kana"))),
        ("__label__kor_Hang", ("ko", ("Hang",))),
        ("__label__als", ("gsw", ("Latn",))),
        ("__label__als_Latn", ("sq", ("Latn",))),
        ("__label__arb_Arab", ("ar", ("Arab",))),
        ("__label__arz", ("arz", ("Arab",))),
        ("__label__sr", ("sr", ("Cyrl", "Latn"))),
        ("__label__srp_Cyrl", ("sr", ("Cyrl",))),
        ("__label__sh", ("hbs", ("Cyrl", "Latn"))),
        ("__label__zxx_Zzzz", ("und", ("Zzzz",))),
        ("__label__ceb_Latn", ("ceb", ("Latn",))),
        ("__label__positive", None),
        ("__label__1", None),
    ],
)
def test_labels_of_every_family_of_models_mean_the_same_codes(label, meaning):
    assert parse_label(label) == meaning


@pytest.mark.parametrize(
    ("code", "normal"), [("eng", "en"), ("en", "en"), ("nob", "no"), ("fre", "fr"), ("ceb", "ceb"), ("und", "und")]
)
def test_codes(code, normal):
    assert normalise_language(code) == normal


@pytest.mark.parametrize("caption", ["ＭＹ　ＦＲＩＥＮＤ　ＩＳ　Ａ　ＢＩＲＤ", "ｍｙ ｆｒｉｅｎｄ ｉｓ ａ ｂｉｒｄ"])
def test_full_width_letters_are_read_as_the_plain_ones(caption):
    wide, plain = LanguageIdentifier().identify(pa.array([caption, "my friend is a bird"])).to_pylist()
    assert wide == plain
    assert plain["language"] == "en"


def test_full_width_signs_in_chinese_are_no_address():
    found = LanguageIdentifier().identify(pa.array(["型号：ＡＢ１２．３，全新", "ＵＳＢ　充电器"]))
    assert found["language"].to_pylist() == ["zh", "zh"]
