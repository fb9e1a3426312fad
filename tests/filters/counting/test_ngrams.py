from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelsift.filters.counting import count_ngrams, most_frequent
from babelsift.filters.text import NgramVocabulary, has_frequent_tokens_only, tokenize


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


WRITTEN = st.lists(
    st.one_of(
        st.none(), st.text(max_size=15), st.text("aéİßñ中国の カナไทยກខကខខ្មe\u0301'\u200d\u0e31-1٢ .", max_size=15)
    ),
    max_size=6,
)


@given(WRITTEN)
@settings(deadline=None, max_examples=200)
def test_every_caption_has_only_tokens_of_the_vocabulary_made_of_it(rows):
    captions = pa.array(rows, pa.string())
    vocabulary = NgramVocabulary.of(count_ngrams(captions))
    kept = has_frequent_tokens_only(captions, vocabulary=vocabulary, bigrams=True)
    assert kept.to_pylist() == [row is not None for row in rows]


@given(WRITTEN, st.data())
@settings(deadline=None, max_examples=200)
def test_what_the_vocabulary_lacks_is_missed(rows, data):
    captions = pa.array(rows, pa.string())
    counts = count_ngrams(captions)
    left_out = data.draw(st.sampled_from(sorted(counts))) if counts else ""
    vocabulary = NgramVocabulary.of([ngram for ngram in counts if ngram != left_out])
    kept = has_frequent_tokens_only(captions, vocabulary=vocabulary, bigrams=True).to_pylist()
    assert kept == [row is not None and left_out not in count_ngrams(pa.array([row])) for row in rows]


@given(WRITTEN)
@settings(deadline=None, max_examples=100)
def test_as_many_unigrams_are_counted_as_there_are_tokens(rows):
    captions = pa.array(rows, pa.string())
    assert sum(count_ngrams(captions, bigrams=False).values()) == len(tokenize(captions).rows)
