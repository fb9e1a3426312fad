"""One copy of a loaded model a machine, which its worker processes share: they ask it through Beam's proxies.

A proxy passes on methods alone, not attributes, and only what can be pickled, so no streams either.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from babelsift.filters.clip import EmbeddingHead
from babelsift.filters.clip.pair_batches import pair_batches
from babelsift.pipelines.core.batches import concat
from babelsift.pipelines.stages.score.models import Scorer

_CHUNKS_AHEAD = 2  # one at the model while the other is read and sent


@dataclass(frozen=True)
class HeadedScorer:
    """A loaded model with the heads that read its embeddings."""

    scorer: Scorer
    heads: Mapping[str, EmbeddingHead] = field(default_factory=dict)


class SharedModel:
    """A loaded model as other processes can ask it."""

    def __init__(self, model: HeadedScorer) -> None:
        self._model = model

    def describe(self) -> tuple[str, dict[str, Any], dict[str, str]]:
        """Returns the scorer's fingerprint and info, and its heads' fingerprints by name."""
        scorer = self._model.scorer
        heads = {name: head.fingerprint for name, head in self._model.heads.items()}
        return scorer.fingerprint, dict(scorer.info), heads

    def score(self, pairs: list[tuple[bytes | None, str | None]], embeddings: bool) -> pa.RecordBatch:
        """Returns the results of at least one pair, as `Scorer.score_stream` gives them."""
        return concat(list(self._model.scorer.score_stream(pairs, embeddings=embeddings)))

    def score_head(self, name: str, embeddings: np.ndarray) -> np.ndarray:
        """Returns what a head makes of embeddings."""
        return self._model.heads[name].score(embeddings)


@dataclass(frozen=True)
class RemoteScorer:
    """A `Scorer` that asks a shared model, about `rows` images with their texts at a time."""

    model: SharedModel
    fingerprint: str
    info: Mapping[str, Any]
    rows: int

    @property
    def batch_size(self) -> int:
        """Pairs of a batch."""
        return self.rows

    def score_stream(
        self, pairs: Iterable[tuple[bytes | None, str | None]], *, embeddings: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yields results for the pairs, in order."""
        waiting: deque[Future[pa.RecordBatch]] = deque()
        chunks = pair_batches(pairs, self.rows)
        with ThreadPoolExecutor(_CHUNKS_AHEAD, "shared-model") as pool:
            for chunk in chunks:
                waiting.append(pool.submit(self.model.score, chunk, embeddings))
                if len(waiting) >= _CHUNKS_AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


@dataclass(frozen=True)
class RemoteHead:
    """A head of a shared model."""

    model: SharedModel
    name: str
    fingerprint: str

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Returns what the head makes of embeddings."""
        return self.model.score_head(self.name, embeddings)


def headed_scorer(model: HeadedScorer | SharedModel, rows: int) -> HeadedScorer:
    """Returns what scores here: a model of this process as it is, a shared one behind what asks it."""
    if isinstance(model, HeadedScorer):
        return model
    fingerprint, info, heads = model.describe()
    found = {name: RemoteHead(model, name, digest) for name, digest in heads.items()}
    return HeadedScorer(RemoteScorer(model, fingerprint, info, rows), found)
