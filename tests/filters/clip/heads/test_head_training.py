"""Heads that are trained: what they learn, and what is said of how well."""

import numpy as np
import pytest
from scipy import optimize

from babelsift.filters.clip.heads.head_training import auc_of, train_head
from babelsift.schemas import ModelError

RNG = np.random.default_rng(0)
DIRECTION = RNG.normal(size=16)


def drawn(rows, *, noise=0.5):
    """(embeddings of unit length, labels by a direction and noise)"""
    vectors = RNG.normal(size=(rows, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), vectors @ DIRECTION + noise * RNG.normal(size=rows) > 0


def test_it_learns_the_direction_and_says_how_well_by_rows_that_it_has_not_seen():
    rows, labels = drawn(2000)
    held_out = np.arange(2000) % 5 == 0
    head = train_head(rows, labels, held_out)
    ((weight,), _) = head.layers[0]
    cosine = weight @ DIRECTION / np.linalg.norm(weight) / np.linalg.norm(DIRECTION)
    assert cosine > 0.95
    assert 0.8 < head.auc < 1
    assert head.calibration_error < 0.1
    assert sum(bin_.rows for bin_ in head.calibration) == held_out.sum()
    wrong = train_head(rows, RNG.permutation(labels), held_out)
    assert abs(wrong.auc - 0.5) < 0.12


def test_it_is_the_regression_of_least_loss_and_penalty():
    """Against a minimizer of another library; the penalty is that which the card names."""
    rows, labels = drawn(600)
    held_out = np.arange(600) % 5 == 0
    head = train_head(rows, labels, held_out)
    penalty = float(head.how.split()[1].rstrip(","))
    scale = np.sqrt(np.mean(np.square(rows[~held_out], dtype=np.float64)))
    features, signs = rows[~held_out] / scale, np.where(labels[~held_out], 1, -1)

    def loss(weights):
        margins = signs * (features @ weights[:-1] + weights[-1])
        return np.logaddexp(0, -margins).mean() + penalty / 2 * weights[:-1] @ weights[:-1]

    best = optimize.minimize(loss, np.zeros(17), tol=1e-12).x
    ((weight,), (bias,)) = head.layers[0]
    np.testing.assert_allclose(weight * scale, best[:-1], atol=1e-4)
    assert bias == pytest.approx(best[-1], abs=1e-4)


@pytest.mark.parametrize("scale", [1e-4, 1, 1e3])
def test_the_scale_of_what_is_read_makes_no_difference(scale):
    rows, labels = drawn(800)
    held_out = np.arange(800) % 5 == 0
    assert train_head(rows * np.float32(scale), labels, held_out).auc == pytest.approx(
        train_head(rows, labels, held_out).auc, abs=1e-3
    )


def test_preferences_are_learned_from_differences_without_a_bias():
    rows, _ = drawn(3000)
    better = (rows[:1500] - rows[1500:]) @ DIRECTION > 0
    head = train_head(rows[:1500] - rows[1500:], better, np.arange(1500) % 4 == 0, has_bias=False)
    assert head.layers[0][1].tolist() == [0]
    assert head.auc > 0.97


def test_auc_agrees_with_counting_pairs():
    scores = RNG.integers(0, 6, 60) / 5
    labels = RNG.random(60) < 0.4
    wins = [(p > n) + (p == n) / 2 for p in scores[labels] for n in scores[~labels]]
    assert auc_of(scores, labels) == pytest.approx(np.mean(wins))


def test_rows_of_one_label_are_refused():
    rows, labels = drawn(20)
    with pytest.raises(ModelError, match="of 10 rows held out all have one label"):
        train_head(rows, np.where(np.arange(20) < 10, True, labels), np.arange(20) < 10)
