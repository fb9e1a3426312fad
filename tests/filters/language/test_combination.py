"""How what two models say is added up with how common languages are."""

import numpy as np
import pytest

from babelsift.filters.language.combination import ScriptCombination, combine
from babelsift.filters.language.ngram_model import read_ngrams

PAIRS, IS_LABELLED = np.array([[0, 0], [1, 1]]), np.array([True, True])


def most_likely(label_shares, ngrams, *, fade=1.0, english=0.0, prior=(0.0, -2.0)):
    languages, probabilities = combine(
        np.array([label_shares], np.float32), np.array([ngrams], np.float32),
        (np.array([fade], np.float32), np.array([english], np.float32)),
        (PAIRS, IS_LABELLED, np.array(prior, np.float32), 0),
    )  # fmt: skip
    return int(languages[0]), float(probabilities[0])


def test_a_prior_decides_where_the_models_do_not():
    assert most_likely((0.5, 0.5), (0.0, 0.0))[0] == 0
    assert most_likely((0.5, 0.5), (0.0, 0.0), prior=(-2.0, 0.0))[0] == 1


def test_a_prior_fades():
    assert most_likely((0.4, 0.6), (0.0, 0.5))[0] == 0
    assert most_likely((0.4, 0.6), (0.0, 0.5), fade=0.2)[0] == 1


def test_what_counts_for_english_does_not_fade():
    assert most_likely((0.4, 0.6), (0.0, 0.5), fade=0.2, english=3.0)[0] == 0


@pytest.mark.parametrize("ngrams", [(0.0, 0.0), (3.0, 0.0), (0.0, 8.0)])
def test_the_probability_is_that_of_the_more_likely(ngrams):
    assert 0.5 <= most_likely((0.5, 0.5), ngrams)[1] <= 1


def test_one_label_may_stand_for_languages_that_the_ngrams_tell_apart_better():
    labels = ["__label__no", "__label__de", "__label__hbs", "__label__ru"]
    known = ScriptCombination("Latn", labels, read_ngrams()["Latn"])
    meant = [{str(known.languages[language]) for at, language in known.pairs if at == label} for label in range(4)]
    assert meant == [{"no", "nn", "da"}, {"de"}, {"hr", "sr", "bs"}, set()]
