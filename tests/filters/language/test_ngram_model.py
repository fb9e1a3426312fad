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
    sums = sum_weights(points.values, points.starts, np.array([3, 1, 0, 2]), (slots_of(keys, 256), keys, weights))
    rows = {key: row for row, key in enumerate(keys.tolist())}

    def expected(*texts):
        found = [rows[key] for keys in keys_of(texts) for key in keys if key in rows]
        return weights[found].astype(int).sum(axis=0).tolist() if found else [0, 0, 0]

    assert sums.tolist() == [expected("zzzz"), expected("l", "dog"), expected("hund", "chien"), [0, 0, 0]]


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
