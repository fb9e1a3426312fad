"""Stage decontaminate_embeddings: leaves out pairs whose image is near to an evaluation image by its CLIP embedding.

It stands after scoring, where embeddings are first known; the hashes were compared before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import nearest_match
from babelsift.pipelines.core.stage_outputs import PassAll, emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.decontaminate.evaluation_embeddings import plan_embeddings, read_evaluation_embeddings
from babelsift.pipelines.stages.dedup.semantic import read_vectors
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import Decision, InputError, RejectReason, Stage, similarity_column
from babelsift.schemas.recipe import DecontaminateSettings


@dataclass
class DecontaminateEmbeddings(Transform):
    """Leaves out images near to an evaluation image; without `min_cosine` all pass as they are.

    Input and main output: batches of `score_schema`. Pairs that another model scores are not compared. REJECTED: the
    others; value is `<name of the evaluation image> at <cosine>`, threshold min_cosine. No shuffle: each worker holds
    the evaluation embeddings.

    Attributes:
        settings: the evaluation sets' embeddings, and the cosine from which on an image is one of theirs.
        store: where the model's embeddings lie.
    """

    settings: DecontaminateSettings
    store: ScoreStore | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._paths: tuple[str, ...] = ()
        if self.settings.min_cosine is not None:
            if self.store is None:
                raise ValueError("decontamination by cosine needs the store of the embeddings that it compares")
            self.store = replace(self.store, keep_embeddings=True)
            self._paths = plan_embeddings(self.settings.embeddings, self.store.fingerprint)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Compares each batch with all evaluation embeddings."""
        if self.settings.min_cosine is None or self.store is None:
            step = beam.ParDo(PassAll(Stage.DECONTAMINATE_EMBEDDINGS))
        else:
            step = beam.ParDo(_DropMatched(self._paths, self.settings.min_cosine, self.store))
        return batches | "Drop" >> kept_and_rejected(step)


class _DropMatched(beam.DoFn):
    def __init__(self, paths: tuple[str, ...], min_cosine: float, store: ScoreStore) -> None:
        self._paths, self._min_cosine, self._store = paths, min_cosine, store

    def setup(self) -> None:
        """Reads the evaluation embeddings, once a process."""
        self._evaluation = read_evaluation_embeddings(self._paths)

    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        decision = Decision.keep_all(len(element))
        self._decide(element, decision)
        kept, rejected = decision.split(element, Stage.DECONTAMINATE_EMBEDDINGS)
        yield from emit(Stage.DECONTAMINATE_EMBEDDINGS, len(element), [kept], [rejected])

    def _decide(self, batch: pa.RecordBatch, decision: Decision) -> None:
        compared = np.flatnonzero(batch.column(similarity_column(self._store.name)).is_valid())
        if not len(compared):
            return
        vectors = read_vectors(batch.take(pa.array(compared)), self._store)["vector"]
        known = self._evaluation.vectors
        if vectors.shape[1] != known.shape[1]:
            raise InputError(
                f"{self._paths[0]} has embeddings of {known.shape[1]} numbers, the model {self._store.name!r} gives "
                f"{vectors.shape[1]}; write it with `babelsift hash --model` of that model"
            )
        index, cosines = nearest_match(vectors, known, self._min_cosine)
        is_match = index >= 0
        is_rejected, values = np.zeros(len(batch), bool), np.full(len(batch), None, dtype=object)
        is_rejected[compared[is_match]] = True
        values[compared[is_match]] = [
            f"{self._evaluation.names[row]} at {cosine:.4f}"
            for row, cosine in zip(index[is_match], cosines[is_match], strict=True)
        ]
        decision.reject(is_rejected, RejectReason.EVALUATION_IMAGE, values=values, threshold=self._min_cosine)
