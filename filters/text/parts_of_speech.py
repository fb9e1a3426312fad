"""Captions with the parts of speech that a description has, as a tagger finds them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Sequence

import numpy as np
import pyarrow as pa

from babelsift.filters.strings import clean_strings, flatten, keep_mask
from babelsift.schemas import RecipeError

# Takes captions; returns the universal part-of-speech tags (NOUN, PROPN, DET ...) of each caption's tokens.
Tagger = Callable[[list[str]], Sequence[Collection[str]]]

_UNIVERSAL = {"noun": {"NOUN", "PROPN"}, "determiner": {"DET"}}
_PENN = {"NN": "NOUN", "NNS": "NOUN", "NNP": "PROPN", "NNPS": "PROPN", "DT": "DET", "PDT": "DET", "WDT": "DET"}
_PLUG_IN = "or name a function `module:function` of yours (list of captions -> a list of universal tags each)"


def load_tagger(name: str) -> Tagger:
    """Returns a tagger: "textblob" (English; its lexicon comes with the package), or the function `module:function`.

    Args:
        name: "textblob" or `module:function`.

    Raises:
        RecipeError: there is no such tagger; says how to install it.
    """
    if name == "textblob":
        return _textblob_tagger()
    module, _, function = name.partition(":")
    try:
        tagger = getattr(importlib.import_module(module), function, None)
    except ImportError as error:
        raise RecipeError(
            f"captions.parts_of_speech.tagger: cannot import {module!r} ({error}); install it on every worker"
        ) from error
    if not callable(tagger):
        raise RecipeError(f"captions.parts_of_speech.tagger: {module!r} has no function {function!r}; {_PLUG_IN}")
    return tagger


def has_parts_of_speech(captions: pa.Array, *, needs: Collection[str], tagger: Tagger) -> pa.BooleanArray:
    """Keeps captions with at least one token of each part of speech.

    Args:
        captions: string[n], nullable.
        needs: of "noun" (proper ones, too) and "determiner".
        tagger: from `load_tagger`.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: the tagger did not answer for every caption.

    Source:
        CC12M (noun and determiner), COYO-700M (noun).

    >>> tags = {"a dog": ["DET", "NOUN"], "running": ["VERB"]}
    >>> tagger = lambda captions: [tags[caption] for caption in captions]
    >>> has_parts_of_speech(pa.array(["a dog", "running", None]), needs=["noun"], tagger=tagger).to_pylist()
    [True, False, False]
    """
    points = flatten(captions)
    answer = np.zeros(len(points), dtype=bool)
    rows = np.flatnonzero(points.visible_lengths)
    texts = clean_strings(captions).take(pa.array(rows, pa.int64())).to_pylist()
    tags = tagger(texts) if texts else []
    if len(tags) != len(texts):
        raise ValueError(f"the tagger returned tags of {len(tags)} captions, {len(texts)} were given")
    needed = [_UNIVERSAL[need] for need in needs]
    answer[rows] = [all(not kinds.isdisjoint(of_caption) for kinds in needed) for of_caption in map(set, tags)]
    return keep_mask(answer, points)


def _textblob_tagger() -> Tagger:
    try:
        from textblob.en.taggers import PatternTagger
    except ImportError as error:
        raise RecipeError(
            f"captions.parts_of_speech needs a tagger; pip install 'babelsift[tagger]' (textblob, English), {_PLUG_IN}"
        ) from error
    tagger = PatternTagger()
    return lambda captions: [[_PENN.get(tag, tag) for _, tag in tagger.tag(caption)] for caption in captions]
