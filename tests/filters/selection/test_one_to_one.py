import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from babelsift.filters.selection import match_one_to_one
from babelsift.filters.selection.one_to_one import MOST_IMAGES


def matched(pairs, order=None):
    """The (document, image, text) that are matched of (document, image, text, score), given in an order."""
    order = range(len(pairs)) if order is None else order
    columns = [np.array([pairs[row][at] for row in order]) for at in range(4)]
    is_matched = match_one_to_one(*columns, np.array(order))
    return {pairs[row][:3] for row, one in zip(order, is_matched, strict=True) if one}


def matrix(scores):
    return [("d", i, t, float(scores[i, t])) for i, t in itertools.product(*map(range, scores.shape))]


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 6), (6, 2), (7, 5)])
def test_a_whole_matrix_is_matched_as_scipys_linear_sum_assignment_does(shape):
    scores = np.random.default_rng(sum(shape)).normal(0.2, 0.1, shape)
    rows, columns = linear_sum_assignment(-scores)
    assert matched(matrix(scores)) == {("d", i, t) for i, t in zip(rows.tolist(), columns.tolist(), strict=True)}


def test_documents_are_matched_apart():
    scores = np.random.default_rng(0).random((3, 3))
    one = matrix(scores)
    two = [("e", image, text, score) for _, image, text, score in one]
    mixed = [pair for both in zip(one, two, strict=True) for pair in both]
    assert {pair[1:] for pair in matched(mixed) if pair[0] == "e"} == {pair[1:] for pair in matched(one)}


def test_as_many_as_can_be_have_a_text_before_any_has_a_better_one():
    pairs = [("d", "a", "s", 0.9), ("d", "a", "t", -0.5), ("d", "b", "s", 0.1)]
    assert matched(pairs) == {("d", "a", "t"), ("d", "b", "s")}


def test_a_pair_without_a_similarity_is_not_matched_and_no_pairs_are_none():
    assert matched([("d", "a", "s", float("nan")), ("d", "b", "s", 0.1)]) == {("d", "b", "s")}
    assert matched([("d", "a", "s", float("nan"))]) == set()
    empty = np.array([], dtype=str)
    assert match_one_to_one(empty, empty, empty, np.array([], np.float32), empty).tolist() == []


def test_a_document_of_more_images_than_a_page_has_is_matched_best_first():
    images = np.repeat(np.arange(MOST_IMAGES + 1), 2)
    texts = images + np.tile([0, 1], MOST_IMAGES + 1)  # each image has its own text and that of the next
    scores = np.where(texts > images, 0.3, 0.2).astype(np.float32)
    is_matched = match_one_to_one(np.zeros(len(images)), images, texts, scores, np.arange(len(images)))
    assert (is_matched == (texts > images)).all()


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(0, 4), st.integers(-4, 4)),
        max_size=30,
        unique_by=lambda pair: pair[:3],
    ),
    st.randoms(use_true_random=False),
)
def test_no_image_and_no_text_is_matched_twice_and_the_order_of_rows_does_not_matter(pairs, random):
    pairs = [(document, image, text, score / 8) for document, image, text, score in pairs]
    found = matched(pairs)
    for side in (1, 2):
        assert len({(pair[0], pair[side]) for pair in found}) == len(found)
    shuffled = list(range(len(pairs)))
    random.shuffle(shuffled)
    assert matched(pairs, shuffled) == found
    in_vain = {(document, image, text) for document, image, text, _ in pairs} - found
    for document, image, text in in_vain:  # nothing could be added
        assert any(pair[0] == document and (pair[1] == image or pair[2] == text) for pair in found)
