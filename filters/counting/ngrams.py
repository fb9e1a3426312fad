"""Counts the unigrams and bigrams of captions; the counts of several batches add up."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import tokenize_with_texts


def count_ngrams(captions: pa.Array, *, bigrams: bool = True) -> Counter[str]:
    """Counts the unigrams and bigrams of captions, in lower case.

    Tokens are those of `babelsift.filters.text.tokenize`, which a vocabulary's rule compares. A bigram is two tokens
    that follow each other, with a space.

    Args:
        captions: string[n], nullable; a null has none.
        bigrams: whether bigrams are counted, too.

    Returns:
        n-gram -> how often.

    >>> sorted(count_ngrams(pa.array(["A dog", "a cat", None])).items())
    [('a', 2), ('a cat', 1), ('a dog', 1), ('cat', 1), ('dog', 1)]
    """
    tokens, texts = tokenize_with_texts(captions)
    _, distinct, counts = np.unique(tokens.hashes, return_index=True, return_counts=True)
    ngrams = Counter(dict(zip(texts.of(distinct).to_pylist(), counts.tolist(), strict=True)))
    if bigrams:
        _, distinct, counts = np.unique(tokens.bigrams().hashes, return_index=True, return_counts=True)
        first = tokens.firsts()[distinct]
        pairs = pc.binary_join_element_wise(texts.of(first), texts.of(first + 1), pa.scalar(" ", pa.large_string()))
        ngrams.update(dict(zip(pairs.to_pylist(), counts.tolist(), strict=True)))
    return ngrams


def most_frequent(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    """Returns the `most` most frequent n-grams, most frequent first, equals in the order of their code points.

    Args:
        counts: n-gram -> how often.
        most: how many at most.

    >>> most_frequent(count_ngrams(pa.array(["A dog", "a cat"])), 2)
    [('a', 2), ('a cat', 1)]
    """
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:most]
