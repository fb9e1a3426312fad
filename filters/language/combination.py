"""Weighs what two models say of a text's language: lid.176's probabilities, and the n-grams' of `ngram_model`.

They err in different ways. lid.176 learned from long texts, and gives a few words to any of 176 languages; the n-grams
learned from short ones. Each language's logarithms are added up with weights, and with how common the language is on
the web: that counts in full for a single word, and for nothing beside the evidence of a sentence.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from babelsift.filters.jit import jit
from babelsift.filters.language.codes import parse_label
from babelsift.filters.language.fasttext_batch import BatchModel
from babelsift.filters.language.ngram_model import NgramModel, read_ngrams
from babelsift.filters.language.priors import web_weight
from babelsift.filters.strings import CodePoints

# Of the probabilities' logarithms, how much counts, and below what they are not heard.
_OF_LABELS, _OF_NGRAMS = 0.6, 0.8
_LEAST_LABEL, _LEAST_NGRAM = np.log(1e-4), np.log(1e-6)
# What stands for the answer of a model that does not know the language.
_UNKNOWN_LABEL, _UNKNOWN_NGRAM = np.log(0.01), np.log(1e-3)
# English is most of the web's alt-text, and names of products are everywhere, in the letters from a to z: by how many
# words a text has, up to three. A single word is as often a label of a list, in any language.
_ENGLISH, _PLAIN_LETTERS = (0.0, 0.0, 2.8, 4.2), 0x7F
# As much more of the web as that are the languages that most of a script is in.
_LEADING = {"ru": 1.8, "hi": 0.3, "id": 0.8}
# All of that counts in full for so many words, and for ever less beside the evidence of more.
_WORDS_OF_FULL_PRIOR = 4
# How often answers of such a probability are right, of up to four words, of up to eight and of more: fitted on labelled
# alt-text, captions, messages and lingua's data. What the models are unsure of in a long text is between two languages.
_PROBABILITIES = (0.0, 0.2192, 0.3123, 0.403, 0.5075, 0.5994, 0.7024, 0.8046, 0.8874, 0.9416, 0.9756, 0.9913, 0.9977, 1)
_SHARES_RIGHT = {
    0: (0.02, 0.08, 0.27, 0.32, 0.37, 0.455, 0.54, 0.61, 0.72, 0.77, 0.885, 0.937, 0.962, 0.99),
    5: (0.04, 0.14, 0.31, 0.38, 0.44, 0.52, 0.63, 0.69, 0.8, 0.86, 0.91, 0.94, 0.962, 0.99),
    9: (0.02, 0.1, 0.33, 0.42, 0.5, 0.59, 0.64, 0.7, 0.83, 0.88, 0.936, 0.95, 0.965, 0.99),
}
# Languages that one label of lid.176 stands for: it may call Serbian, Croatian and Bosnian by one name, and the n-grams
# alone tell Norwegian's two forms and Danish apart better than it does.
_SCANDINAVIAN = ("no", "nn", "da")
_MEANT = {"hbs": ("hr", "sr", "bs"), **dict.fromkeys(_SCANDINAVIAN, _SCANDINAVIAN)}
_SPACE = 0x20


class ScriptCombination:
    """Both models of a script's languages."""

    def __init__(self, script: str, labels: list[str], ngrams: NgramModel) -> None:
        """Aligns the models' languages.

        Args:
            script: ISO 15924.
            labels: of the fastText model.
            ngrams: of the script.
        """
        meanings = [parse_label(label) for label in labels]
        of_label = [meaning[0] if meaning and script in meaning[1] else "" for meaning in meanings]
        known = dict.fromkeys([*ngrams.languages, *sorted(set(of_label) - {"", "hbs"})])
        self.languages = np.array(list(known), dtype=object)
        index = {language: at for at, language in enumerate(known)}
        # (label, language) for each language that a label may mean.
        self.pairs = np.array(
            [
                (label, index[language])
                for label, meant in enumerate(of_label)
                for language in _MEANT.get(meant, (meant,))
                if language in index
            ],
            np.int64,
        )
        self.is_labelled = np.zeros(len(known), dtype=bool)
        self.is_labelled[self.pairs[:, 1]] = True
        weights = [np.log(web_weight(language, script)) + _LEADING.get(language, 0.0) for language in known]
        self.prior, self.english = np.array(weights, np.float32), index.get("en", -1)
        self.ngrams = ngrams


class CombinedModel:
    """lid.176 and the n-grams."""

    def __init__(self, batch: BatchModel) -> None:
        """Takes lid.176.

        Args:
            batch: reads texts.
        """
        self._batch = batch

    @cached_property
    def scripts(self) -> dict[str, ScriptCombination]:
        """What the models know together of each script; loads the n-grams."""
        ngrams = read_ngrams()
        return {script: ScriptCombination(script, self._batch.labels, model) for script, model in ngrams.items()}

    def most_likely(
        self, script: str, texts: CodePoints, rows: np.ndarray, capitals: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns (object[k] languages, float64[k] how often such answers are right) of texts.

        Args:
            script: of `scripts`, in which the texts are written.
            texts: lower-case words separated by spaces.
            rows: int64[k], the texts to look at.
            capitals: bool[m], which of their letters were capitals before; None: none.
        """
        known = self.scripts[script]
        words = _words(texts)
        fades = (_WORDS_OF_FULL_PRIOR / np.maximum(words, _WORDS_OF_FULL_PRIOR)).astype(np.float32)
        found, probabilities = combine(
            self._batch.probabilities(texts, rows), known.ngrams.sum_evidence(texts, rows, capitals),
            (fades[rows], _english_priors(texts, words)[rows]),
            (known.pairs, known.is_labelled, known.prior, known.english),
        )  # fmt: skip
        return known.languages[found], _shares_right(probabilities, words[rows])


def _words(texts: CodePoints) -> np.ndarray:
    letters = texts.values != _SPACE
    return texts.count(letters & ~texts.after(letters))


def _english_priors(texts: CodePoints, words: np.ndarray) -> np.ndarray:
    priors = np.array(_ENGLISH, np.float32)[np.minimum(words, len(_ENGLISH) - 1)]
    return np.where(texts.count(texts.values > _PLAIN_LETTERS) == 0, priors, np.float32(0))


def _shares_right(probabilities: np.ndarray, words: np.ndarray) -> np.ndarray:
    shares = np.zeros(len(probabilities))
    for fewest, right in _SHARES_RIGHT.items():
        shares = np.where(words >= fewest, np.interp(probabilities, _PROBABILITIES, right), shares)
    return shares


@jit
def combine(
    labels: np.ndarray,
    ngrams: np.ndarray,
    priors: tuple[np.ndarray, np.ndarray],
    known: tuple[np.ndarray, np.ndarray, np.ndarray, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (int64[n], the most likely language of each text; float32[n], how probable it is).

    Args:
        labels: float32[n, labels], probabilities.
        ngrams: float32[n, c], evidence for the first c languages.
        priors: (float32[n], how much of `prior` counts; float32[n], what counts for English beside it).
        known: (int64[p, 2] pairs of label and language, bool[l] whether a label means it, float32[l] prior, index of
            English or -1).
    """
    pairs, is_labelled, prior, english = known
    fades, english_priors = priors
    found, probabilities = np.empty(len(labels), np.int64), np.empty(len(labels), np.float32)
    of_labels = np.empty(len(prior), np.float32)
    for text in range(len(labels)):
        of_labels[:] = 0
        for pair in range(len(pairs)):
            of_labels[pairs[pair, 1]] += labels[text, pairs[pair, 0]]
        all_labels, highest, total = np.float32(1e-6), ngrams[text].max(), np.float32(0)
        for language in range(len(prior)):
            all_labels += of_labels[language]
        for language in range(ngrams.shape[1]):
            total += np.exp(ngrams[text, language] - highest)
        least = highest + np.log(total)
        best, score = 0, np.float32(-1e9)
        for language in range(len(prior)):
            by_label, by_ngrams = _UNKNOWN_LABEL, _UNKNOWN_NGRAM
            if is_labelled[language]:
                by_label = max(np.log(of_labels[language] / all_labels + 1e-9), _LEAST_LABEL)
            if language < ngrams.shape[1]:
                by_ngrams = max(ngrams[text, language] - least, _LEAST_NGRAM)
            of_labels[language] = fades[text] * prior[language] + _OF_LABELS * by_label + _OF_NGRAMS * by_ngrams
            if language == english:
                of_labels[language] += english_priors[text]
            if of_labels[language] > score:
                best, score = language, of_labels[language]
        total = np.float32(0)
        for language in range(len(prior)):
            total += np.exp(of_labels[language] - score)
        found[text], probabilities[text] = best, np.float32(1) / total
    return found, probabilities
