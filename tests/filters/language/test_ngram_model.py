"""The model of n-grams and words: its arithmetic against a plain account of it, and what it adds."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from babelsift.filters.language import LanguageIdentifier
from babelsift.filters.language.ngram_kernels import LONGEST_NGRAM, features_of_words, slots_of, sum_weights
from babelsift.filters.language.ngram_model import MODEL_FILE, read_ngrams
from babelsift.filters.strings import flatten


def keys_of(words):
    points = flatten(pa.array(words, pa.large_string()))
    keys, starts = features_of_words(points.values, points.starts)
    return [keys[begin:end].tolist() for begin, end in pairwise(starts)]


def test_a_word_has_its_ngrams_and_itself():
    (hund,) = keys_of(["hund"])
    marked = len("<hund>")
    # No bracket counts alone.
    assert len(hund) == sum(marked - length + 1 for length in range(1, LONGEST_NGRAM + 1)) - 2 + 1
    assert len(set(hund)) == len(hund)
    # "und" within, not at the beginning: n, nd, und ... are shared, <u is not.
    assert len(set(hund) & set(keys_of(["und"])[0])) == len({"u", "n", "d", "un", "nd", "und", "d>", "nd>", "und>"})


def test_weights_of_known_features_add_up():
    words = ["hund", "chien", "dog"]
    keys = np.array(sorted({key for found in keys_of(words) for key in found}), np.uint32)
    weights = np.random.default_rng(0).integers(-100, 100, (len(keys), 3)).astype(np.int8)
    points = flatten(pa.array(["hund chien", "l'dog", "", "zzzz"], pa.large_string()))
    table, capitals = (slots_of(keys, 256), keys, weights), np.zeros(len(points.values), bool)
    sums = sum_weights(points.values, points.starts, np.array([3, 1, 0, 2]), table, capitals)
    rows = {key: row for row, key in enumerate(keys.tolist())}

    def expected(*texts):
        found = [rows[key] for keys in keys_of(texts) for key in keys if key in rows]
        return weights[found].astype(int).sum(axis=0).tolist() if found else [0, 0, 0]

    assert sums.tolist() == [expected("zzzz"), expected("l", "dog"), expected("hund", "chien"), [0, 0, 0]]


def test_capitalised_words_count_half_beside_others_and_alone_as_they_are():
    model, texts = read_ngrams()["Latn"], ["Hund chien dog", "Hund Chien", "hund chien", "l'Hund chien", "Dog's chien"]
    points = flatten(pa.array([text.lower() for text in texts], pa.large_string()))
    capitals = np.array([letter.isupper() for text in texts for letter in text])
    sums = model.sum_evidence(points, np.arange(len(texts)), capitals)
    words = {
        word: model.sum_evidence(flatten(pa.array([word])), np.array([0]))[0]
        for word in ["hund", "chien", "dog", "l", "s"]
    }

    def weighed(**times):
        total = sum(count * words[word] for word, count in times.items())
        return pytest.approx(total * len(times) / sum(times.values()), abs=1e-3)

    assert sums[0] == weighed(hund=1, chien=2, dog=2)
    assert sums[1] == weighed(hund=1, chien=1)
    assert sums[2] == weighed(hund=1, chien=1)
    assert sums[3] == weighed(l=2, hund=1, chien=2)
    assert sums[4] == weighed(dog=1, s=1, chien=2)


@pytest.mark.parametrize(
    ("caption", "language"),
    [
        ("Nike Air Max Running Shoes con descuento", "es"),
        ("Star Wars Lego Millennium Falcon voor kinderen", "nl"),
        ("Grand Hotel Palace: photo sur la plage", "fr"),
        ("Pinot Grigio Delle Venezie by the glass", "en"),
        ("Villa Bella Vista with a pool", "en"),
    ],
)
def test_names_do_not_outweigh_the_words_around_them(caption, language):
    assert LanguageIdentifier().identify(pa.array([caption])).column("language").to_pylist() == [language]


def test_what_ships_is_small_and_knows_languages_that_lid_176_lacks():
    assert MODEL_FILE.stat().st_size < 20_000_000
    models = read_ngrams()
    assert {"zu", "xh", "sn", "so", "lg", "st", "tn", "ts", "mi"} <= set(models["Latn"].languages)
    assert sum(model.weights.nbytes + model.slots.nbytes for model in models.values()) < 25_000_000


@pytest.mark.parametrize(
    ("caption", "language"),
    [
        ("Molo, unjani namhlanje mfowethu", "xh"),
        ("Ngiyabonga kakhulu ngosizo lwakho", "zu"),
        ("Kei te pēhea koe i tēnei rā", "mi"),
        ("Waan ku faraxsanahay inaan ku arko", "so"),
        ("Ndinoda kudzidza chiShona nhasi", "sn"),
        ("three bean salad with fresh mint", "en"),
        ("Tamron 90mm f/2.8 SP Di Macro for Canon", "en"),
        ("Timmy & Tommy die cut", "en"),
        ("seorang anak sedang bermain bola karena senang", "id"),
        ("černý pes běží po zasněžené louce", "cs"),
        ("čierny pes beží po zasneženej lúke", "sk"),
        ("ein schwarzer Hund läuft durch den Schnee", "de"),
    ],
)
def test_captions_that_one_model_alone_mistakes(caption, language):
    (found,) = LanguageIdentifier().identify(pa.array([caption])).to_pylist()
    assert found["language"] == language
