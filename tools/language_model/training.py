"""Learns, for each script, how much each n-gram and word speaks for each language: a softmax regression.

Adagrad takes one example at a time; an example is a few words, and its features are those of its words.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from babelsift.filters.jit import jit
from babelsift.filters.language.ngram_kernels import features_of_words, row_of, slots_of

_DECAY = np.float32(2e-6)


def choose_features(words: tuple[np.ndarray, np.ndarray], uses: Iterable[np.ndarray], most: int) -> np.ndarray:
    """Returns uint32[most], the keys of the features that are frequent in some language.

    Args:
        words: code points and starts of the vocabulary.
        uses: for each language int64[words], how often its examples have each word.
        most: how many.
    """
    keys, begins = features_of_words(*words)
    different, of_feature = np.unique(keys, return_inverse=True)
    best = np.zeros(len(different), np.float32)
    for counts in uses:
        used = np.flatnonzero(counts)
        _raise_to_shares(best, used, counts[used] / counts.sum(), of_feature, begins)
    return np.sort(different[np.argsort(-best, kind="stable")[:most]])


@jit
def _raise_to_shares(
    best: np.ndarray, words: np.ndarray, shares: np.ndarray, of_feature: np.ndarray, begins: np.ndarray
) -> None:
    """Raises each feature's value in `best` to the share of a language's words that have it."""
    found = np.zeros(len(best), np.float32)
    for index in range(len(words)):
        for feature in range(begins[words[index]], begins[words[index] + 1]):
            found[of_feature[feature]] += shares[index]
    for feature in range(len(best)):
        best[feature] = max(best[feature], found[feature])


def rows_of_words(words: tuple[np.ndarray, np.ndarray], keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (int32[f] rows of `keys`, int64[words + 1] starts), the known features of each word.

    Args:
        words: code points and starts of the vocabulary.
        keys: uint32[r].
    """
    found, begins = features_of_words(*words)
    size = 1 << int(np.ceil(np.log2(2 * len(keys))))
    return _known(found, begins, slots_of(keys, size), keys)


@jit
def _known(found: np.ndarray, begins: np.ndarray, slots: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, starts, count = np.empty(len(found), np.int32), np.zeros(len(begins), np.int64), 0
    for word in range(len(begins) - 1):
        for index in range(begins[word], begins[word + 1]):
            row = row_of(found[index], slots, keys)
            if row >= 0:
                rows[count] = row
                count += 1
        starts[word + 1] = count
    return rows[:count].copy(), starts


@jit
def learn(
    examples: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    features: tuple[np.ndarray, np.ndarray],
    weights: np.ndarray,
    squares: np.ndarray,
    rate: float,
) -> float:
    """Takes one pass over the examples; returns the mean loss.

    Args:
        examples: (int32[w] words, int64[n + 1] starts, int32[n] languages, int64[n] order).
        features: as `rows_of_words` returns them.
        weights: float32[r, languages], changed. squares: alike, the sums of squared gradients.
        rate: of the first steps.
    """
    words, starts, labels, order = examples
    rows, begins = features
    languages = weights.shape[1]
    scores, loss = np.empty(languages, np.float32), 0.0
    step = np.float32(rate)
    for at in range(len(order)):
        example = order[at]
        scores[:] = 0
        for index in range(starts[example], starts[example + 1]):
            for feature in range(begins[words[index]], begins[words[index] + 1]):
                row = rows[feature]
                for language in range(languages):
                    scores[language] += weights[row, language]
        highest, total = scores.max(), np.float32(0)
        for language in range(languages):
            scores[language] = np.exp(scores[language] - highest)
            total += scores[language]
        for language in range(languages):
            scores[language] /= total
        loss -= np.log(max(scores[labels[example]], 1e-9))
        if scores[labels[example]] > 0.999:
            continue
        scores[labels[example]] -= np.float32(1)
        for index in range(starts[example], starts[example + 1]):
            for feature in range(begins[words[index]], begins[words[index] + 1]):
                row = rows[feature]
                for language in range(languages):
                    gradient = scores[language] + _DECAY * weights[row, language]
                    squares[row, language] += gradient * gradient
                    weights[row, language] -= step * gradient / np.sqrt(squares[row, language])
    return loss / len(order)
