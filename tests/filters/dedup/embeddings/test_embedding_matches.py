import numpy as np
import pytest

from babelsift.filters.dedup import nearest_match


def unit(count, seed):
    vectors = np.random.default_rng(seed).normal(size=(count, 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def test_the_nearest_with_at_least_that_cosine():
    vectors, others = unit(60, 0), unit(40, 1)
    cosines = (vectors.astype(np.float64) @ others.astype(np.float64).T) / np.outer(
        np.linalg.norm(vectors.astype(np.float64), axis=1), np.linalg.norm(others.astype(np.float64), axis=1)
    )
    place, cosine = nearest_match(vectors, others, 0.4)
    expected = np.where(cosines.max(axis=1) >= 0.4, cosines.argmax(axis=1), -1)
    assert 5 < (expected >= 0).sum() < 60
    assert place.tolist() == expected.tolist()
    assert cosine[place >= 0] == pytest.approx(cosines.max(axis=1)[place >= 0], abs=1e-6)


def test_blocks_and_batches_change_nothing():
    vectors, others = unit(60, 0), unit(40, 1)
    whole = nearest_match(vectors, others, 0.3)
    parts = [nearest_match(vectors[start : start + 7], others, 0.3, cosines_per_block=60) for start in range(0, 60, 7)]
    for at in (0, 1):
        assert np.concatenate([part[at] for part in parts]).tobytes() == whole[at].tobytes()


def test_equal_vectors_reach_a_cosine_of_one():
    vectors = unit(5, 2)
    place, cosine = nearest_match(vectors, np.concatenate([vectors, vectors]), 1 - 1e-6)
    assert place.tolist() == [0, 1, 2, 3, 4]
    assert cosine == pytest.approx(1)


def test_nothing_to_compare():
    assert nearest_match(unit(3, 0), unit(0, 0), 0.5)[0].tolist() == [-1, -1, -1]
    assert len(nearest_match(unit(0, 0), unit(3, 0), 0.5)[0]) == 0
