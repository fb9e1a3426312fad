"""A head with a hidden layer: what a straight line cannot tell apart, by labels and by preferences."""

import numpy as np
import pytest

from babelsift.filters.clip.heads.head_training import train_head
from babelsift.filters.clip.heads.mlp_training import train_mlp
from babelsift.schemas import ModelError

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(1500, 6)).astype(np.float32)
LABELS = ROWS[:, 0] * ROWS[:, 1] > 0  # alike in sign
HELD_OUT = np.arange(len(ROWS)) % 5 == 0


def score(head, rows):
    for number, (weight, bias) in enumerate(head.layers):
        rows = (np.maximum(rows, 0) if number else rows) @ weight.T + bias
    return rows[:, 0]


def test_it_tells_apart_what_no_plane_does():
    assert train_head(ROWS, LABELS, HELD_OUT).auc < 0.6
    head = train_mlp([ROWS], LABELS, HELD_OUT, hidden=16)
    assert head.auc > 0.9
    assert head.calibration_error < 0.15
    assert ((score(head, ROWS) > 0) == LABELS).mean() > 0.85


def test_preferences_train_one_score_for_both_images():
    worth = np.abs(ROWS[:, 0])
    other = ROWS[::-1].copy()
    better = worth > np.abs(other[:, 0])
    head = train_mlp([ROWS, other], better, HELD_OUT, hidden=16)
    assert head.auc > 0.9
    assert np.corrcoef(score(head, ROWS), worth)[0, 1] > 0.8


def test_rows_of_one_label_are_refused():
    with pytest.raises(ModelError, match="all have one label"):
        train_mlp([ROWS], np.ones(len(ROWS), bool), HELD_OUT, hidden=4)
