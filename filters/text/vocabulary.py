"""Captions whose tokens are all among a corpus's most frequent n-grams."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

import fsspec
import numpy as np
import pyarrow as pa

from babelsift.filters.strings import Tokens, flatten, keep_mask, tokenize
from babelsift.schemas import RecipeError

_LINES_PER_CHUNK = 200_000


class NgramVocabulary:
    """The most frequent unigrams and bigrams of a corpus, 8 bytes each (ALIGN has 100 million)."""

    def __init__(self, hashes: np.ndarray) -> None:
        """Takes the n-grams' hashes.

        Args:
            hashes: uint64[k], sorted, as `_hashes_of` makes them.
        """
        self._hashes = hashes

    @classmethod
    def of(cls, ngrams: Collection[str]) -> NgramVocabulary:
        """Returns the vocabulary of these n-grams: one or two tokens each, as `tokenize` finds them in a caption."""
        return cls(np.unique(_hashes_of(list(ngrams))))

    @classmethod
    def read(cls, path: str) -> NgramVocabulary:
        """Returns the vocabulary in a text file: one n-gram a line; a tab and the count after it are passed over.

        Raises:
            RecipeError: it cannot be read or is empty.
        """
        chunks = []
        try:
            with fsspec.open(path, "rt", encoding="utf-8", compression="infer") as file:
                lines = (line.split("\t", 1)[0] for line in file)
                while entries := list(islice(lines, _LINES_PER_CHUNK)):
                    chunks.append(np.unique(_hashes_of(entries)))
        except (OSError, ValueError, ImportError, EOFError) as error:
            raise RecipeError(f"captions.vocabulary.file: cannot read {path}: {error}; one n-gram a line") from error
        hashes = np.unique(np.concatenate(chunks)) if chunks else np.zeros(0, np.uint64)
        if not len(hashes):
            raise RecipeError(f"captions.vocabulary.file: {path} holds no n-gram; write one a line")
        return cls(hashes)

    def __len__(self) -> int:
        return len(self._hashes)

    def has(self, tokens: Tokens) -> np.ndarray:
        """Returns bool[t], the tokens (or bigrams) that are listed."""
        if not len(self._hashes):
            return np.zeros(len(tokens.hashes), dtype=bool)
        nearest = np.minimum(np.searchsorted(self._hashes, tokens.hashes), len(self._hashes) - 1)
        return self._hashes[nearest] == tokens.hashes


def has_frequent_tokens_only(captions: pa.Array, *, vocabulary: NgramVocabulary, bigrams: bool) -> pa.BooleanArray:
    """Keeps captions whose tokens are all in a vocabulary, and with `bigrams` also their pairs of neighbouring tokens.

    Args:
        captions: string[n], nullable.
        vocabulary: the n-grams that are frequent.
        bigrams: whether bigrams are looked up, too.

    Returns:
        bool[n], no nulls; a null caption is not kept, a caption without tokens is.

    Source:
        ALIGN (100 million most frequent unigrams and bigrams), CC12M (rare words).

    >>> vocabulary = NgramVocabulary.of(["a", "dog"])
    >>> has_frequent_tokens_only(pa.array(["A dog", "a xolo", None]), vocabulary=vocabulary, bigrams=False).to_pylist()
    [True, False, False]
    """
    points = flatten(captions)
    tokens = tokenize(captions)
    unlisted = np.bincount(tokens.rows[~vocabulary.has(tokens)], minlength=len(points))
    if bigrams:
        both = tokens.bigrams()
        unlisted += np.bincount(both.rows[~vocabulary.has(both)], minlength=len(points))
    return keep_mask(unlisted == 0, points)


def _hashes_of(ngrams: list[str]) -> np.ndarray:
    tokens = tokenize(pa.array(ngrams, pa.large_string()))
    counts = np.bincount(tokens.rows, minlength=len(ngrams))
    both = tokens.bigrams()
    return np.concatenate([tokens.hashes[counts[tokens.rows] == 1], both.hashes[counts[both.rows] == 2]])
