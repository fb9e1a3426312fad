"""Does fastText's arithmetic in loops compiled by numba: vectors of words and n-grams, and the softmax tree.

Sums run in fastText's order, so a text's label does not depend on its neighbours.
"""

from __future__ import annotations

import numpy as np

from babelsift.filters.jit import jit

_SPACE, _OPEN, _CLOSE = (np.uint32(ord(character)) for character in " <>")
_FNV_START, _FNV_PRIME = np.uint64(2166136261), np.uint64(16777619)
_32_BITS = np.uint64(0xFFFFFFFF)
# fastText adds this to a probability before it takes the logarithm.
_EPSILON = np.float32(1e-5)


@jit
def word_hash(word: np.ndarray) -> np.uint64:
    """Returns a number that is equal for equal words: FNV-1a of 64 bits.

    Args:
        word: uint32[n], code points.
    """
    hashed = np.uint64(0xCBF29CE484222325)
    for index in range(len(word)):
        hashed = (hashed ^ np.uint64(word[index])) * np.uint64(0x100000001B3)
    return hashed


@jit
def word_hashes(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Returns uint64[n], each word's hash.

    Args:
        values: uint32[m], code points.
        starts: int64[n + 1].
    """
    hashes = np.empty(len(starts) - 1, np.uint64)
    for word in range(len(hashes)):
        hashes[word] = word_hash(values[starts[word] : starts[word + 1]])
    return hashes


@jit
def top_labels(
    values: np.ndarray,
    starts: np.ndarray,
    known: tuple[np.ndarray, np.ndarray],
    ngrams: tuple[np.ndarray, int, int],
    vectors: np.ndarray,
    line_end: int,
    tree: np.ndarray,
    outputs: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (int64[n], each text's most probable label; float32[n], its probability).

    Args:
        values: uint32[m], code points: words separated by spaces. starts: int64[n + 1].
        known: (uint64[w], the hashes of known words, sorted; int64[w], their rows of `vectors`).
        ngrams: (int32[buckets], the row of `vectors` of each bucket, -1: none; shortest, longest, in code points).
        vectors: float32[rows, dim]. line_end: the row of a text's end.
        tree: int64[labels - 1, 2], inner nodes' children, those of the root last; nodes below `labels` are labels.
        outputs: float32[labels, dim], of inner nodes.
    """
    labels, scores = np.zeros(len(starts) - 1, np.int64), np.zeros(len(starts) - 1, np.float32)
    word, hidden = np.empty(len(values) + 2, np.uint32), np.empty(vectors.shape[1], np.float32)
    waiting, reached = np.empty(len(tree) + 2, np.int64), np.empty(len(tree) + 2, np.float32)
    for text in range(len(labels)):
        hidden[:] = vectors[line_end]
        _read_text(values[starts[text] : starts[text + 1]], word, known, ngrams, vectors, hidden)
        labels[text], scores[text] = _most_probable(hidden, tree, outputs, waiting, reached)
    return labels, scores


@jit
def label_probabilities(
    values: np.ndarray,
    starts: np.ndarray,
    texts: np.ndarray,
    model: tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, int, int], np.ndarray, int, np.ndarray, np.ndarray],
) -> np.ndarray:
    """Returns float32[t, labels], the probability of each label of the texts.

    Args:
        values: as in `top_labels`. starts: as there.
        texts: int64[t], indices of texts.
        model: what `top_labels` takes from `known` on.
    """
    known, ngrams, vectors, line_end, tree, outputs = model
    labels = len(tree) + 1
    reached = np.empty(2 * labels - 1, np.float32)
    answers = np.empty((len(texts), labels), np.float32)
    word, hidden = np.empty(len(values) + 2, np.uint32), np.empty(vectors.shape[1], np.float32)
    for index in range(len(texts)):
        hidden[:] = vectors[line_end]
        _read_text(values[starts[texts[index]] : starts[texts[index] + 1]], word, known, ngrams, vectors, hidden)
        reached[2 * labels - 2] = 1
        for inner in range(labels - 2, -1, -1):
            chances = _chances(inner, reached[labels + inner], hidden, outputs)
            reached[tree[inner, 0]], reached[tree[inner, 1]] = chances
        answers[index] = reached[:labels]
    return answers


@jit
def _read_text(
    text: np.ndarray,
    word: np.ndarray,
    known: tuple[np.ndarray, np.ndarray],
    ngrams: tuple[np.ndarray, int, int],
    vectors: np.ndarray,
    hidden: np.ndarray,
) -> None:
    """Makes of `hidden`, the vector of a text's end, the mean of it and the vectors of the text's words."""
    word[0] = _OPEN
    added, length = 1, 1
    for index in range(len(text) + 1):
        if index < len(text) and text[index] != _SPACE:
            word[length] = text[index]
            length += 1
        elif length > 1:
            word[length] = _CLOSE
            added += _add_word(word[: length + 1], known, ngrams, vectors, hidden)
            length = 1
    for index in range(len(hidden)):
        hidden[index] /= np.float32(added)


@jit
def _add_word(
    word: np.ndarray,
    known: tuple[np.ndarray, np.ndarray],
    ngrams: tuple[np.ndarray, int, int],
    vectors: np.ndarray,
    hidden: np.ndarray,
) -> int:
    """Adds the vectors of a word in brackets and of its n-grams to `hidden`; returns how many vectors these are."""
    rows, shortest, longest = ngrams
    added, whole = 0, word_hash(word)
    at = np.searchsorted(known[0], whole)
    if at < len(known[0]) and known[0][at] == whole:
        _add(vectors[known[1][at]], hidden)
        added += 1
    for start in range(len(word)):
        hashed = _FNV_START
        for length in range(1, min(longest, len(word) - start) + 1):
            hashed = _hash_further(hashed, word[start + length - 1])
            row = rows[np.int64(hashed) % len(rows)] if length >= shortest else -1
            if row >= 0:
                _add(vectors[row], hidden)
                added += 1
    return added


@jit
def _add(vector: np.ndarray, hidden: np.ndarray) -> None:
    for index in range(len(hidden)):
        hidden[index] += vector[index]


@jit
def _hash_further(hashed: np.uint64, code_point: np.uint32) -> np.uint64:
    """FNV-1a over the bytes of UTF-8, which fastText takes for signed ones."""
    if code_point < 0x80:
        return (hashed ^ np.uint64(code_point)) * _FNV_PRIME & _32_BITS
    further = 1 + (code_point >= 0x800) + (code_point >= 0x10000)
    mark = np.uint64(0xFFFFFFC0 if further == 1 else 0xFFFFFFE0 if further == 2 else 0xFFFFFFF0)
    hashed = (hashed ^ (mark | np.uint64(code_point) >> np.uint64(6 * further))) * _FNV_PRIME & _32_BITS
    for byte in range(further - 1, -1, -1):
        bits = np.uint64(code_point) >> np.uint64(6 * byte) & np.uint64(0x3F)
        hashed = (hashed ^ (np.uint64(0xFFFFFF80) | bits)) * _FNV_PRIME & _32_BITS
    return hashed


@jit
def _most_probable(
    hidden: np.ndarray, tree: np.ndarray, outputs: np.ndarray, waiting: np.ndarray, reached: np.ndarray
) -> tuple[int, np.float32]:
    """Descends from the root, into the more probable child first, and not where all labels are less probable."""
    labels, best, score = len(tree) + 1, 0, np.float32(-1)
    waiting[0], reached[0], count = 2 * labels - 2, np.float32(1), 1
    while count:
        count -= 1
        node, probability = waiting[count], reached[count]
        if probability <= score:
            continue
        if node < labels:
            best, score = node, probability
            continue
        inner = node - labels
        chances = _chances(inner, probability, hidden, outputs)
        likelier = 1 if chances[1] > chances[0] else 0
        for child in (1 - likelier, likelier):
            waiting[count], reached[count] = tree[inner, child], chances[child]
            count += 1
    return best, score


@jit
def _chances(
    inner: int, probability: np.float32, hidden: np.ndarray, outputs: np.ndarray
) -> tuple[np.float32, np.float32]:
    """Returns the probabilities of an inner node's left and right child, given its own."""
    right = np.float32(0)
    for index in range(len(hidden)):
        right += outputs[inner, index] * hidden[index]
    right = np.float32(1) / (np.float32(1) + np.exp(-right))
    return probability * (np.float32(1) - right + _EPSILON), probability * (right + _EPSILON)
