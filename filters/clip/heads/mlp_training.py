"""Trains a head with one hidden layer on embeddings, by labels or by which of two images is preferred; needs torch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from babelsift.filters.clip.heads.head_training import TrainedHead, check_labels, evaluated
from babelsift.schemas import ModelError

if TYPE_CHECKING:
    import torch

_STEPS, _LOOK_EVERY = 300, 10
_RATE, _DECAY = 1e-2, 1e-2


def train_mlp(
    sides: Sequence[np.ndarray], labels: np.ndarray, held_out: np.ndarray, *, hidden: int, seed: int = 0
) -> TrainedHead:
    """Returns a head with one hidden layer and ReLU, trained by AdamW on all rows at once.

    A fifth of the training rows says after how many steps to stop; it is then trained on all of them for so long.

    Args:
        sides: float32[n, dimension]: of labels one; of preferences two, whose scores' difference says which is better.
        labels: bool[n]; of preferences whether the first is preferred.
        held_out: bool[n], the rows that say how good it is.
        hidden: units.
        seed: of the first weights.

    Raises:
        ModelError: torch is not installed, or rows to train on, or those held out, are all of one label.
    """
    check_labels(labels, held_out)
    with _one_thread():
        return _trained(sides, labels, held_out, hidden, seed)


def _trained(
    sides: Sequence[np.ndarray], labels: np.ndarray, held_out: np.ndarray, hidden: int, seed: int
) -> TrainedHead:
    training = np.flatnonzero(~held_out)
    choosing, inner = training[::5], np.setdiff1d(training, training[::5])
    scale = _Scale(np.concatenate([side[training] for side in sides]))
    scaled = [scale(side) for side in sides]
    steps = _STEPS
    if len(np.unique(labels[inner])) == 2 and len(np.unique(labels[choosing])) == 2:
        steps = _Training(scaled, labels, hidden, seed).best_steps(inner, choosing)
    trained = _Training(scaled, labels, hidden, seed)
    trained.run(training, steps)
    layers = scale.folded_into(trained.layers())
    how = f"{hidden} hidden units, {steps} steps, chosen by a fifth of the training rows"
    return evaluated(layers, trained.logits(np.flatnonzero(held_out)), labels[held_out], how)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Has torch compute on one thread: sums come in one order, and threads cost more than such matrices take."""
    torch = _imported()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _imported() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ModelError(f"a hidden layer needs torch ({error}); run: pip install 'babelsift[clip]'") from error
    return torch


class _Scale:
    """Takes embeddings to a mean of 0 and a deviation of 1 in each dimension."""

    def __init__(self, rows: np.ndarray) -> None:
        self._mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        self._deviation = np.where(deviation > 0, deviation, 1).astype(np.float32)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return ((rows - self._mean) / self._deviation).astype(np.float32)

    def folded_into(self, layers: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Returns layers that take embeddings as they are."""
        (weight, bias), *others = layers
        weight = weight / self._deviation
        return [(weight, bias - weight @ self._mean), *others]


class _Training:
    def __init__(self, sides: Sequence[np.ndarray], labels: np.ndarray, hidden: int, seed: int) -> None:
        self._torch = torch = _imported()
        self._sides = [torch.from_numpy(side) for side in sides]
        self._labels = torch.from_numpy(labels.astype(np.float32))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            first = torch.nn.Linear(sides[0].shape[1], hidden)
            self._network: Any = torch.nn.Sequential(first, torch.nn.ReLU(), torch.nn.Linear(hidden, 1))
        self._optimizer = torch.optim.AdamW(self._network.parameters(), lr=_RATE, weight_decay=_DECAY)

    def best_steps(self, rows: np.ndarray, choosing: np.ndarray) -> int:
        """Returns after how many steps on rows the loss of the choosing ones is least."""
        losses = {}
        for steps in range(_LOOK_EVERY, _STEPS + 1, _LOOK_EVERY):
            self.run(rows, _LOOK_EVERY)
            with self._torch.inference_mode():
                losses[steps] = float(self._loss(choosing))
        return min(losses, key=losses.__getitem__)

    def run(self, rows: np.ndarray, steps: int) -> None:
        """Takes steps on rows."""
        for _ in range(steps):
            self._optimizer.zero_grad()
            self._loss(rows).backward()
            self._optimizer.step()

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Returns float64[rows]."""
        with self._torch.inference_mode():
            return self._logits(rows).numpy().astype(np.float64)

    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Returns weight and bias of each layer."""
        linear = [module for module in self._network if hasattr(module, "weight")]
        return [(one.weight.detach().numpy(), one.bias.detach().numpy()) for one in linear]

    def _loss(self, rows: np.ndarray) -> torch.Tensor:
        logits = self._logits(rows)
        return self._torch.nn.functional.binary_cross_entropy_with_logits(logits, self._labels[rows])

    def _logits(self, rows: np.ndarray) -> torch.Tensor:
        first, *others = [self._network(side[rows])[:, 0] for side in self._sides]
        return first - others[0] if others else first
