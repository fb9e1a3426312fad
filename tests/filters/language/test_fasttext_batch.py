from dataclasses import replace
from pathlib import Path

import fasttext
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters.language.fasttext_batch import BatchModel
from babelsift.filters.language.fasttext_file import read_quantised, softmax_tree
from babelsift.filters.language.identifier import LanguageIdentifier
from babelsift.filters.language.model_file import shipped_model
from babelsift.filters.strings import flatten

pytestmark = pytest.mark.xdist_group("fasttext_batch")  # its tests share what a fixture makes

LETTERS = "abcdeghinorstz éßñłžčő іїабвгд的一是中文のカナ한국어 ไทยกข अआकখগ \u0301\u0940\u0130’' 𠀀𝒳𐍈"


@pytest.fixture(scope="module")
def native():
    return fasttext.load_model(shipped_model()).f


@pytest.fixture(scope="module")
def model():
    return BatchModel.read(shipped_model())


def top(model, texts):
    labels, scores = model.top(flatten(pa.array(texts, pa.large_string())))
    return [model.labels[label] for label in labels], scores


def check_same(model, native, texts):
    labels, scores = top(model, texts)
    for text, label, score in zip(texts, labels, scores, strict=True):
        answers = native.predict(text + "\n", 3, 0.0, "strict")
        assert score == pytest.approx(answers[0][0], abs=1e-5)
        # Of two labels that are as good as equally probable either may come first.
        assert label in [name for probability, name in answers if probability > answers[0][0] - 2e-5]


@given(st.lists(st.text(LETTERS, max_size=60), max_size=8))
@settings(deadline=None, max_examples=150)
def test_the_answers_are_fasttexts_own(model, native, texts):
    check_same(model, native, texts)


def test_all_probabilities_are_fasttexts_own(model, native):
    texts = ["ein schwarzer hund im schnee", "chien noir", "", "собака", "xq"]
    found = model.probabilities(flatten(pa.array(texts, pa.large_string())), np.array([3, 0, 1, 2, 4]))
    for text, probabilities in zip([texts[row] for row in (3, 0, 1, 2, 4)], found, strict=True):
        expected = {label: probability for probability, label in native.predict(text + "\n", 10_000, 0.0, "strict")}
        of_labels = dict(zip(model.labels, probabilities.tolist(), strict=True))
        assert all(of_labels[label] == pytest.approx(expected[label], abs=1e-4) for label in expected)


def test_known_words_long_words_and_empty_texts_are_as_in_fasttext(model, native):
    words = [word.decode() for word in read_quantised(shipped_model()).words[1:600]]
    check_same(model, native, [*words, " ".join(words), "a" * 5000, "ein " * 3000, "", " ", "  a   b "])


@given(st.lists(st.text(LETTERS, max_size=30), min_size=1, max_size=6), st.integers(0, 6))
@settings(deadline=None, max_examples=60)
def test_an_answer_does_not_depend_on_the_neighbours(model, texts, cut):
    together = top(model, texts * 200)
    alone = [top(model, part) for part in (texts[:cut], texts[cut:])]
    assert together[0][: len(texts)] == alone[0][0] + alone[1][0]
    assert together[1][: len(texts)].tolist() == np.concatenate([alone[0][1], alone[1][1]]).tolist()


def test_models_of_other_kinds_are_left_to_fasttext(tmp_path):
    content = bytearray(Path(shipped_model()).read_bytes())
    content[8 + 6 * 4] = 3  # the loss: a plain softmax
    path = tmp_path / "other.ftz"
    path.write_bytes(content)
    assert BatchModel.read(str(path)) is None
    found = LanguageIdentifier(str(path)).identify(
        pa.array(["ein schwarzer Hund im Schnee", "собака", None, "눈 속의 검은 개"])
    )
    assert found.column("language").to_pylist()[2:] == ["und", "ko"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda model: {"bucket_rows": np.full(5, len(model.vectors), np.int32)},
        lambda model: {"bucket_rows": np.zeros(0, np.int32)},
        lambda model: {"vectors": model.vectors[: len(model.words) - 1]},
        lambda model: {"vectors": model.vectors[:, :-1]},
        lambda model: {"outputs": model.outputs[: len(model.labels) - 1]},
    ],
)
def test_a_model_that_names_rows_it_has_not_is_left_to_fasttext(monkeypatch, wrong):
    model = read_quantised(shipped_model())
    monkeypatch.setattr(
        "babelsift.filters.language.fasttext_batch.read_quantised", lambda _: replace(model, **wrong(model))
    )
    assert BatchModel.read(shipped_model()) is None


def test_both_ways_to_ask_lead_to_the_same_languages():
    captions = pa.array(
        ["ein schwarzer Hund im Schnee", "chien noir", "łódź", "собака", "Nordseekrabben", "xq", None, "the dog"] * 3
    )
    batch, one_by_one = LanguageIdentifier(shipped_model()), LanguageIdentifier(shipped_model())
    one_by_one.__dict__["_batch"] = None
    expected, found = one_by_one.identify(captions), batch.identify(captions)
    assert found.column("language") == expected.column("language")
    np.testing.assert_allclose(found.column(1).to_numpy(), expected.column(1).to_numpy(), atol=2e-6)


def test_the_tree_joins_the_two_rarest_first():
    assert softmax_tree([10, 6, 3, 2]) == [(3, 2), (4, 1), (0, 5)]
