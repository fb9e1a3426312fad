"""Draws the examples that a script's model learns from: a few words each, of one language."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# How many words examples have, and how often: alt-text is short.
_LENGTHS = np.array([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20])
_SHARES = np.array([0.14, 0.17, 0.15, 0.12, 0.09, 0.07, 0.06, 0.05, 0.05, 0.04, 0.03, 0.03])
# Of examples in another language, those with English words among theirs, as names of products are; and the reverse, as
# brands and people are called.
_WITH_ENGLISH, _ENGLISH_WITH_OTHER = 0.25, 0.35


@dataclass
class Source:
    """What is known of a language.

    Attributes:
        texts: of words in their order.
        bags: lists of words as often as they are used, without an order.
    """

    texts: list[list[str]] = field(default_factory=list)
    bags: list[list[str]] = field(default_factory=list)


class Vocabulary:
    """Numbers words."""

    def __init__(self) -> None:
        """Starts empty."""
        self.ids: dict[str, int] = {}

    def number(self, words: list[str]) -> np.ndarray:
        """Returns int32[n], the words' numbers.

        Args:
            words: any.
        """
        ids = self.ids
        return np.array([ids.setdefault(word, len(ids)) for word in words], np.int32)

    def code_points(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns (uint32[m] code points of all words, int64[words + 1] starts)."""
        lengths = np.array([0, *map(len, self.ids)], np.int64)
        return np.frombuffer("".join(self.ids).encode("utf-32-le"), np.uint32), np.cumsum(lengths)


@dataclass
class Examples:
    """Examples of a script's languages.

    Attributes:
        words: int32[w], one example after the other.
        starts: int64[n + 1].
        labels: int32[n].
    """

    words: np.ndarray
    starts: np.ndarray
    labels: np.ndarray


def draw_examples(
    sources: dict[str, Source], counts: dict[str, int], vocabulary: Vocabulary, random: np.random.Generator
) -> Examples:
    """Returns examples of each language.

    Args:
        sources: by language, in the order of the labels.
        counts: of examples, by language.
        vocabulary: takes up all words.
        random: decides.
    """
    pools = {language: _pools(source, vocabulary) for language, source in sources.items()}
    parts: list[np.ndarray] = []
    labels: list[int] = []
    english = pools.get("en", ([], []))[1]
    others = [pool[1] for language, pool in pools.items() if language != "en" and pool[1]]
    for label, (language, (texts, bags)) in enumerate(pools.items()):
        lengths = random.choice(_LENGTHS, counts[language], p=_SHARES)
        for length in lengths:
            example = _draw(texts, bags, int(length), random)
            if language == "en":
                if others and length > 1 and random.random() < _ENGLISH_WITH_OTHER:
                    count = int(random.integers(1, 1 + length // 2))
                    example = _mix(example, others[random.integers(len(others))], count, random)
            elif english and length > 1 and random.random() < _WITH_ENGLISH:
                example = _mix(example, english, int(random.integers(1, 1 + length // 2)), random)
            parts.append(example)
            labels.append(label)
    sizes = np.array([0, *map(len, parts)], np.int64)
    return Examples(np.concatenate(parts), np.cumsum(sizes), np.array(labels, np.int32))


def _pools(source: Source, vocabulary: Vocabulary) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [vocabulary.number(text) for text in source.texts], [vocabulary.number(bag) for bag in source.bags if bag]


def _draw(texts: list[np.ndarray], bags: list[np.ndarray], length: int, random: np.random.Generator) -> np.ndarray:
    # Texts and bags alike, as far as there are any.
    kinds = len(bags) + (1 + (len(bags) > 1) if texts else 0)
    kind = int(random.integers(kinds))
    if kind < len(bags):
        bag = bags[kind]
        if len(bags) > 1 and length > 1 and random.random() < 0.3:
            other = bags[int(random.integers(len(bags)))]
            half = length // 2
            return np.concatenate(
                [bag[random.integers(len(bag), size=length - half)], other[random.integers(len(other), size=half)]]
            )
        return bag[random.integers(len(bag), size=length)]
    text = texts[int(random.integers(len(texts)))]
    begin = int(random.integers(max(1, len(text) - length + 1)))
    return text[begin : begin + length]


def _words_of(bag: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    return bag[random.integers(len(bag), size=count)]


def _mix(example: np.ndarray, bags: list[np.ndarray], count: int, random: np.random.Generator) -> np.ndarray:
    bag = bags[int(random.integers(len(bags)))]
    at = int(random.integers(len(example) + 1))
    return np.concatenate([example[:at], _words_of(bag, count, random), example[at:]])
