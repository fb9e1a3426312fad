"""Trains a head on embeddings: logistic regression on labels, or on which of two images is preferred; without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from babelsift.schemas import ModelError

_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of weights on numbers whose mean square is 1
_STEPS, _ENOUGH = 50, 1e-6
_CALIBRATION_BINS = 10


@dataclass(frozen=True)
class CalibrationBin:
    """Held-out rows whose scores lie together: how many, their mean score, and the share of them that is positive."""

    rows: int
    score: float
    positive: float


@dataclass(frozen=True)
class TrainedHead:
    """A head and what it does on rows that it was not trained on.

    Attributes:
        layers: float32[outputs, inputs] and float32[outputs] each, ReLU between them; the score is the sigmoid of the
            last.
        how: it was trained, for people.
        auc: of held-out rows.
        calibration: of held-out rows, in bins of their scores.
    """

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    how: str
    auc: float
    calibration: tuple[CalibrationBin, ...]

    @property
    def calibration_error(self) -> float:
        """The mean distance of score and share of positives, by the rows of the bins (ECE)."""
        rows = sum(bin_.rows for bin_ in self.calibration)
        return sum(bin_.rows * abs(bin_.score - bin_.positive) for bin_ in self.calibration) / rows


def train_head(
    embeddings: np.ndarray, labels: np.ndarray, held_out: np.ndarray, *, has_bias: bool = True
) -> TrainedHead:
    """Returns a logistic regression of labels on embeddings.

    Args:
        embeddings: float32[n, dimension]; of preferences the differences of two embeddings.
        labels: bool[n]; of preferences whether the first is preferred.
        held_out: bool[n], the rows that say how good it is.
        has_bias: False: of preferences, which have none.

    Raises:
        ModelError: the rows to train on, or those held out, are all of one label.

    >>> rows = np.array([[1.0, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]] * 4, np.float32)
    >>> labels = np.array([True, True, False, False] * 4)
    >>> train_head(rows, labels, np.arange(16) >= 8).auc
    1.0
    """
    check_labels(labels, held_out)
    scale = float(np.sqrt(np.mean(np.square(embeddings[~held_out], dtype=np.float64)))) or 1.0
    features = embeddings / scale  # of any scale: products of embeddings are small, and a penalty is of weights
    if has_bias:
        features = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    training = np.flatnonzero(~held_out)
    choosing = np.zeros(len(labels), bool)
    choosing[training[::5]] = True
    inner = ~held_out & ~choosing
    penalty = _PENALTIES[0]
    if len(np.unique(labels[inner])) == 2 and len(np.unique(labels[choosing])) == 2:
        losses = {}
        for candidate in _PENALTIES:
            weights = _fit(features[inner], labels[inner], candidate, has_bias)
            losses[candidate] = _loss(features[choosing] @ weights, labels[choosing])
        penalty = min(losses, key=losses.__getitem__)
    weights = _fit(features[~held_out], labels[~held_out], penalty, has_bias)
    weight, bias = (weights[:-1], weights[-1:]) if has_bias else (weights, np.zeros(1))
    weight = weight / scale
    how = f"penalty {penalty:g}, chosen by a fifth of the training rows"
    return evaluated([(weight[None, :], bias)], features[held_out] @ weights, labels[held_out], how)


def check_labels(labels: np.ndarray, held_out: np.ndarray) -> None:
    """Looks whether there are rows of both labels to train on, and of those held out.

    Args:
        labels: bool[n].
        held_out: bool[n].

    Raises:
        ModelError: there are not.
    """
    for name, part in (("to train on", ~held_out), ("held out", held_out)):
        if len(np.unique(labels[part])) < 2:
            raise ModelError(f"of {int(part.sum())} rows {name} all have one label; give more rows of each label")


def evaluated(
    layers: Sequence[tuple[np.ndarray, np.ndarray]], logits: np.ndarray, labels: np.ndarray, how: str
) -> TrainedHead:
    """Returns layers as a head, with its figures.

    Args:
        layers: weight and bias each.
        logits: float64[n], of held-out rows.
        labels: bool[n], theirs.
        how: the layers were trained, for people.
    """
    scores = _sigmoid(logits)
    as_stored = tuple((weight.astype(np.float32), bias.astype(np.float32)) for weight, bias in layers)
    return TrainedHead(as_stored, how, auc_of(scores, labels), _calibration(scores, labels))


def auc_of(scores: np.ndarray, labels: np.ndarray) -> float:
    """Returns the share of pairs of a positive and a negative row that scores order rightly; ties count half.

    Args:
        scores: float[n].
        labels: bool[n], of both kinds.

    >>> auc_of(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # ties share their mean rank
    positives = int(labels.sum())
    wins = ranks[labels].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * (len(labels) - positives)))


def _fit(features: np.ndarray, labels: np.ndarray, penalty: float, has_bias: bool) -> np.ndarray:
    """Newton's method on the mean log loss and the penalty, which spares the bias."""
    rows, width = features.shape
    ridge = np.full(width, penalty)
    if has_bias:
        ridge[-1] = 1e-9
    weights = np.zeros(width)
    for _ in range(_STEPS):
        shares = _sigmoid(features @ weights)
        gradient = features.T @ (shares - labels) / rows + ridge * weights
        curvature = (features * (shares * (1 - shares))[:, None]).T @ features / rows + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < _ENOUGH:
            break
    return weights


def _loss(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(0, np.where(labels, -logits, logits))))


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(values / 2))


def _calibration(scores: np.ndarray, labels: np.ndarray) -> tuple[CalibrationBin, ...]:
    numbers = np.minimum((scores * _CALIBRATION_BINS).astype(int), _CALIBRATION_BINS - 1)
    bins = []
    for number in np.unique(numbers):
        inside = numbers == number
        bins.append(CalibrationBin(int(inside.sum()), float(scores[inside].mean()), float(labels[inside].mean())))
    return tuple(bins)
