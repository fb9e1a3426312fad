"""A fastText model's most probable label for whole batches of texts, in a few numpy passes.

fastText itself takes one text at a time, most of it for looking up n-grams of characters. For models such as the one
that ships, the same arithmetic is done here for many texts at once. Sums run in one order whatever the batch is, so
that a text's score does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from filters.code_points import CodePoints, flatten
from filters.fasttext_file import QuantisedModel, read_quantised, softmax_tree
from filters.mixing import mix64

_SPACE, _OPEN, _CLOSE = (ord(character) for character in " <>")
_FNV_START, _FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
_LINE_END = b"</s>"
# What fastText adds to a probability before it takes the logarithm.
_EPSILON = np.float32(1e-5)
# Texts at a time: what is in between should stay in a core's cache.
_AT_ONCE = 512


@dataclass(frozen=True)
class _Words:
    """Words in brackets, one after the other, as fastText takes them apart: "<ein><Hund>".

    Attributes:
        values: uint32[m], code points. left: int64[m], how many of the word's there are from here on.
        opens: int64[w], where each word starts. rows: int64[w], the text each word is in.
    """

    values: np.ndarray
    left: np.ndarray
    opens: np.ndarray
    rows: np.ndarray

    def hashes(self) -> np.ndarray:
        """Returns uint64[w], equal for equal words."""
        lengths = self.left[self.opens]
        place = np.repeat(lengths, lengths) - self.left
        mixed = mix64(self.values | (place.astype(np.uint64) << np.uint64(21)))
        return np.add.reduceat(mixed, self.opens) if len(self.opens) else mixed


class BatchModel:
    """A quantised fastText model with a hierarchical softmax."""

    def __init__(self, model: QuantisedModel) -> None:
        """Args: model: as `read_quantised` returns it."""
        self.labels = model.labels
        self._model = model
        self._tree = softmax_tree(model.label_counts.tolist())
        known = flatten(pa.array([word.decode(errors="replace") for word in model.words], pa.large_string()))
        hashes = _bracket(known).hashes()
        self._word_rows = np.argsort(hashes)
        self._word_hashes = hashes[self._word_rows]
        # Two numbers at a time are added at twice the pace.
        self._vectors = model.vectors.view(np.complex64)
        self._line_end = self._vectors[model.words.index(_LINE_END)]

    @classmethod
    def read(cls, path: str) -> BatchModel | None:
        """Returns the model in a file that fastText itself could load; None where it is of another kind."""
        model = read_quantised(path)
        return cls(model) if model and _LINE_END in model.words and model.vectors.shape[1] % 2 == 0 else None

    def top(self, texts: CodePoints) -> tuple[np.ndarray, np.ndarray]:
        """Returns each text's most probable label, as `predict(text, 1)` of fastText would.

        Args: texts: words parted by spaces; no other blanks, no null characters, no word that begins like a label.
        Returns: (int64[n] index in `labels`, float32[n] probability).
        """
        labels, scores = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.float32)
        for start in range(0, len(texts), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            bounds = texts.starts[start : start + _AT_ONCE + 1]
            part = CodePoints(texts.values[bounds[0] : bounds[-1]], bounds - bounds[0], texts.valid[some])
            probabilities = self._probabilities(self._hidden(part))
            labels[some] = probabilities.argmax(axis=0)
            scores[some] = probabilities.max(axis=0)
        return labels, scores

    def _hidden(self, texts: CodePoints) -> np.ndarray:
        """Returns float32[n, dim], the mean of the vectors of each text's words and n-grams."""
        words = _bracket(texts)
        bounds = np.append(words.opens, len(words.values))[np.searchsorted(words.rows, np.arange(len(texts) + 1))]
        sums = np.repeat(self._line_end[None], len(texts), axis=0)
        counts = np.ones(len(texts), np.float32)
        for places, rows in self._look_up(words):
            first = np.searchsorted(places, bounds)
            found = np.diff(first)
            filled = found > 0
            if filled.any():
                sums[filled] += np.add.reduceat(self._vectors.take(rows, axis=0), first[:-1][filled], axis=0)
                counts += found
        return sums.view(np.float32) / counts[:, None]

    def _look_up(self, words: _Words) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (places in `values`, rows of vectors) of the words, then of the n-grams of each length."""
        hashes = words.hashes()
        at = np.minimum(np.searchsorted(self._word_hashes, hashes), len(self._word_hashes) - 1)
        known = self._word_hashes[at] == hashes
        yield words.opens[known], self._word_rows[at[known]]
        bucket_rows = self._model.bucket_rows
        buckets = np.uint32(len(bucket_rows))
        for length, ngrams in enumerate(_ngram_hashes(words.values, self._model.max_n), start=1):
            if length >= self._model.min_n:
                # Numpy divides by a number faster than it takes the remainder.
                rows = bucket_rows.take(ngrams - ngrams // buckets * buckets)
                places = np.flatnonzero((rows >= 0) & (words.left[: len(ngrams)] >= length))
                yield places, rows[places]

    def _probabilities(self, hidden: np.ndarray) -> np.ndarray:
        """Returns float32[labels, n]."""
        count = len(self.labels)
        # Not a matrix product, which BLAS adds up in an order that varies with shapes and machines. A single text would
        # make one of the other axes the inner one.
        columns = np.ascontiguousarray(np.resize(hidden, (max(len(hidden), 2), hidden.shape[1])).T)
        right = np.einsum("kd,dn->kn", self._model.outputs[: count - 1], columns)
        with np.errstate(over="ignore"):  # to infinity, which gives the probability 0
            right = 1 / (1 + np.exp(-right))
        left = 1 - right + _EPSILON
        right += _EPSILON
        nodes = np.ones((2 * count - 1, columns.shape[1]), np.float32)
        for inner in reversed(range(count - 1)):
            parent, (left_child, right_child) = nodes[count + inner], self._tree[inner]
            np.multiply(parent, left[inner], out=nodes[left_child])
            np.multiply(parent, right[inner], out=nodes[right_child])
        return nodes[:count, : len(hidden)]


def _bracket(texts: CodePoints) -> _Words:
    inside = np.flatnonzero(texts.values != _SPACE)
    rows = np.searchsorted(texts.starts, inside, side="right") - 1
    first, last = np.ones(len(inside), bool), np.ones(len(inside), bool)
    first[1:] = last[:-1] = (np.diff(inside) > 1) | (rows[1:] != rows[:-1])
    places = np.cumsum(1 + first.astype(np.int64) + last) - 1 - last
    opens, closes = places[first] - 1, places[last] + 1
    values = np.full(closes[-1] + 1 if len(closes) else 0, _OPEN, dtype=np.uint32)
    values[places] = texts.values[inside]
    values[closes] = _CLOSE
    left = np.repeat(closes, closes - opens + 1) - np.arange(len(values)) + 1
    return _Words(values, left, opens, rows[first])


def _ngram_hashes(values: np.ndarray, longest: int) -> list[np.ndarray]:
    """Returns for each length from 1 on uint32[m + 1 - length], fastText's hash of the n-grams by their starts."""
    sizes = 1 + (values >= 0x80).astype(np.int8) + (values >= 0x800) + (values >= 0x10000)
    wide = [np.flatnonzero(sizes > more) for more in (1, 2, 3)]
    leads = values.copy()
    continuations = []
    for at, places in enumerate(wide):
        some, last = values[places], sizes[places] - 1
        shift = (6 * (last - 1 - at)).astype(np.uint32)
        continuations.append(_signed(0x80 | ((some >> shift) & 0x3F)))
    if len(wide[0]):
        some, last = values[wide[0]], sizes[wide[0]] - 1
        mark = np.array([0, 0xC0, 0xE0, 0xF0], np.uint32)[last]
        leads[wide[0]] = _signed(mark | (some >> (6 * last).astype(np.uint32)))
    hashes, found = np.full(len(values), _FNV_START), []
    for offset in range(min(longest, len(values))):
        hashes = (hashes[: len(values) - offset] ^ leads[offset:]) * _FNV_PRIME
        for places, following in zip(wide, continuations, strict=True):
            from_here = places >= offset
            at = places[from_here] - offset
            hashes[at] = (hashes[at] ^ following[from_here]) * _FNV_PRIME
        found.append(hashes)
    return found


def _signed(values: np.ndarray) -> np.ndarray:
    # fastText hashes bytes as signed ones.
    return values.astype(np.uint32) | np.uint32(0xFFFFFF00)
