from collections import Counter

import pyarrow as pa
import pytest

from filters.ngrams import count_ngrams, most_frequent


@pytest.mark.parametrize(
    ("caption", "tokens"),
    [
        ("A red car", ["a", "red", "car"]),
        ("Don\u2019t stop!", ["dont", "stop"]),
        ("iPhone 12-Pro", ["iphone", "12", "pro"]),
        ("雪地里", ["雪地", "地里"]),
        ("Nike鞋", ["nike", "鞋"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("zero\u200bwidth", ["zerowidth"]),
        ("!!!", []),
        (None, []),
    ],
)
def test_unigrams_of_many_scripts(caption, tokens):
    assert count_ngrams(pa.array([caption], pa.string()), bigrams=False) == Counter(tokens)


def test_bigrams_are_neighbours_within_a_caption():
    counts = count_ngrams(pa.array(["a red, car", "red"]))
    assert counts == {"a": 1, "red": 2, "car": 1, "a red": 1, "red car": 1}


def test_most_frequent_breaks_ties_by_text():
    assert most_frequent(Counter({"b": 2, "a": 2, "c": 5, "d": 1}), 3) == [("c", 5), ("a", 2), ("b", 2)]
