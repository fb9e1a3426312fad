"""Stage dedup_semantic: of images whose CLIP embeddings lie near one another one is kept, as SemDeDup has it.

1. Sample. Each compared row draws a number by its uid and the seed; the `sample_rows` lowest draws are the sample.
2. Cluster. Spherical k-means on the sample's embeddings gives the centroids. Of more than some dozens, a part of the
   sample gives cells first, each of which is trained apart, on as many workers.
3. Assign. Each row goes to the cluster of the nearest centroid: its uid, priority and float16 vector cross one shuffle.
4. Compare. Within a cluster, in order of priority, a row is left out if its cosine to any row before it is above
   1 - epsilon. Copies of one vector are folded before.

        rows --> draws --> lowest draws --> sample's vectors --> cells --> centroids
          |        8 bytes                                                     |
          +--> vectors, read where scoring stored them ------------------> assign --> compare within a cluster --> drop

Source: SemDeDup, https://arxiv.org/abs/2303.09540.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import SEMANTIC_LINK, position_of
from babelsift.pipelines.core.groups.look_up import BATCHES, Answered, LookUp, one_a_key
from babelsift.pipelines.core.groups.pair_digests import uid_digests
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.stage_outputs import PassAll, emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform, single_element
from babelsift.pipelines.stages.dedup.duplicates_table import DUPLICATES, URLS, urls_of
from babelsift.pipelines.stages.dedup.semantic.clusters import (
    AssignClusters,
    join_centroids,
    links_of_cluster,
    plan_clusters,
    train_cell,
)
from babelsift.pipelines.stages.dedup.semantic.earlier_embeddings import (
    EarlierShard,
    ReadEarlierEmbeddings,
    plan_earlier_embeddings,
)
from babelsift.pipelines.stages.dedup.semantic.image_vectors import (
    LowestDraws,
    count_compared,
    draws,
    read_sample,
    uids_of_images,
    vectors_of,
)
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import Decision, RejectReason, Stage
from babelsift.schemas.duplicates import DUPLICATES_SCHEMA
from babelsift.schemas.recipe import DedupSemanticSettings

_LINKS, _SURVIVORS = "links", "survivors"  # tables by uid
_UID = np.dtype("V16")


@dataclass
class DedupSemantic(Transform):
    """Leaves out images that mean the same as another; without settings all pass as they are.

    Input and main output: batches of `score_schema`, no uid twice. Pairs without a similarity, which another model
    scores, are not compared. REJECTED: the others; value is `<uid that is kept> at <cosine>`, and `in an earlier run`
    where it is of one, threshold 1 - epsilon. DUPLICATES: the same as rows of DUPLICATES_SCHEMA.

    Attributes:
        settings: None: the stage is off.
        store: where the model's embeddings lie.
        seed: of sample and clusters.
        partitions: ranges of uids; results do not depend on how many.
        buffer_bytes: of rows and vectors that a worker buffers for their clusters; a cluster's are folded at four times
            as many. Results do not depend on it.
    """

    settings: DedupSemanticSettings | None
    store: ScoreStore | None = None
    seed: int = 0
    partitions: int = 1
    buffer_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        super().__post_init__()
        self._earlier: tuple[EarlierShard, ...] = ()
        if self.settings is None:
            return
        if self.store is None:
            raise ValueError("semantic dedup needs the store of the embeddings that it compares")
        self.store = replace(self.store, keep_embeddings=True)
        self._earlier = plan_earlier_embeddings(self.settings.earlier, self.store)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Finds the clusters, then which rows of each are left out, and drops all at once."""
        if self.settings is None or self.store is None:
            step = beam.ParDo(PassAll(Stage.DEDUP_SEMANTIC))
            return batches | "Pass" >> kept_and_rejected(step, {DUPLICATES: pa.RecordBatch, URLS: pa.RecordBatch})
        centroids = self._train(batches, self.settings, self.store)
        vectors = batches | "ReadVectors" >> beam.FlatMap(vectors_of, self.store).with_output_types(Packed)
        if self._earlier:
            earlier = batches.pipeline | "Earlier" >> ReadEarlierEmbeddings(self._earlier)
            vectors = (vectors, earlier) | "WithEarlier" >> beam.Flatten()
        assign = AssignClusters(self.settings.survivor, self.buffer_bytes)
        compare = beam.Map(links_of_cluster, self.settings.epsilon, 4 * self.buffer_bytes)
        links = (
            vectors
            | "Assign" >> beam.ParDo(assign, beam.pvalue.AsSingleton(centroids)).with_output_types(tuple[int, Packed])
            | "GroupCluster" >> beam.GroupByKey()
            | "Compare" >> compare.with_output_types(Packed)
        )
        survivors = links | "Survivors" >> beam.Map(packed_survivors).with_output_types(Packed)
        asked = partial(uids_of_images, model=self.store.name)
        look_up = LookUp(
            {_LINKS: asked, _SURVIVORS: uid_digests}, {_LINKS: SEMANTIC_LINK, _SURVIVORS: _UID}, self.partitions
        )
        answered = {BATCHES: batches, _LINKS: links, _SURVIVORS: survivors} | "LookUp" >> look_up
        drop = beam.ParDo(_DropLinked(self.settings, self.store.name))
        return answered | "Drop" >> kept_and_rejected(drop, {DUPLICATES: pa.RecordBatch, URLS: pa.RecordBatch})

    def _train(
        self, batches: beam.PCollection[pa.RecordBatch], settings: DedupSemanticSettings, store: ScoreStore
    ) -> beam.PCollection[bytes]:
        """Finds the centroids on a sample."""
        rows = batches | "CountRows" >> beam.Map(count_compared, store.name) | "Sum" >> beam.CombineGlobally(sum)
        lowest = (
            batches
            | "Draw" >> beam.Map(draws, store.name, self.seed)
            | "Lowest" >> beam.CombineGlobally(LowestDraws(settings.sample_rows))
        )
        read = beam.FlatMap(read_sample, store, self.seed, beam.pvalue.AsSingleton(lowest))
        sample = batches | "ReadSample" >> read.with_output_types(Packed)
        numbers = beam.pvalue.AsSingleton(rows), beam.pvalue.AsSingleton(lowest)
        plan_all = beam.Map(plan_clusters, beam.pvalue.AsIter(sample), *numbers, settings.clusters, self.seed)
        plan = single_element(batches, "Once", None) | "Plan" >> plan_all
        known, cells = beam.pvalue.AsSingleton(plan), plan | "Cells" >> beam.Map(attrgetter("cells"))
        assign = beam.ParDo(AssignClusters(None, self.buffer_bytes), beam.pvalue.AsSingleton(cells))
        trained = (
            sample
            | "AssignCells" >> assign.with_output_types(tuple[int, Packed])
            | "GroupCell" >> beam.GroupByKey()
            | "TrainCell" >> beam.Map(train_cell, known, self.seed).with_output_types(tuple[int, Packed])
        )
        join = beam.Map(join_centroids, beam.pvalue.AsIter(trained)).with_output_types(Packed)
        return single_element(batches, "OnceTrained", None) | "Join" >> join


def packed_survivors(links: bytes) -> bytes:
    """Returns the packed uids of what is kept by packed SEMANTIC_LINKs."""
    return np.frombuffer(links, SEMANTIC_LINK)["survivor"].tobytes()


class _Links:
    """The links and survivors that tables hold; links: SEMANTIC_LINK[m], sorted by uid. survivors: V16[k]."""

    def __init__(self, links: list[bytes], survivors: list[bytes]) -> None:
        self.links = one_a_key(links, SEMANTIC_LINK)
        self.survivors = np.frombuffer(b"".join(survivors), _UID)


class _DropLinked(beam.DoFn):
    def __init__(self, settings: DedupSemanticSettings, model: str) -> None:
        self._settings = settings
        self._model = model
        self._links = OncePerBundle(_Links)

    def process(self, element: Answered) -> Iterator[object]:
        known = self._links.of(element.answers[_LINKS], element.answers[_SURVIVORS])
        for batch in element.batches:
            yield from self._drop(batch, known.links, known.survivors)

    def _drop(self, element: pa.RecordBatch, links: np.ndarray, survivors: np.ndarray) -> Iterator[object]:
        decision = Decision.keep_all(len(element))
        index = position_of(links["uid"], uids_of_images(element, self._model))
        rows = np.flatnonzero(index >= 0)
        duplicates = self._duplicates(element, rows, links[index[rows]])
        if not self._settings.report_only:
            values = np.full(len(element), None, dtype=object)
            values[rows] = [_ledger_value(duplicate) for duplicate in duplicates.to_pylist()]
            threshold = 1 - self._settings.epsilon
            decision.reject(index >= 0, RejectReason.SEMANTIC_DUPLICATE, values=values, threshold=threshold)
        if len(rows):
            yield beam.pvalue.TaggedOutput(DUPLICATES, duplicates)
        urls = urls_of(element, index >= 0, survivors)
        if len(urls):
            yield beam.pvalue.TaggedOutput(URLS, urls)
        kept, rejected = decision.split(element, Stage.DEDUP_SEMANTIC)
        yield from emit(Stage.DEDUP_SEMANTIC, len(element), [kept], [rejected])

    def _duplicates(self, batch: pa.RecordBatch, rows: np.ndarray, links: np.ndarray) -> pa.RecordBatch:
        columns = {
            "uid": batch.column("uid").take(pa.array(rows, pa.int64())),
            "survivor": [uid.tobytes().hex() for uid in links["survivor"]],
            "kind": ["semantic"] * len(rows),
            "distance": [None] * len(rows),
            "earlier_run": links["is_earlier"],
            "cosine": links["cosine"],
            "report_only": [self._settings.report_only] * len(rows),
        }
        arrays = [pa.array(columns[field.name], field.type) for field in DUPLICATES_SCHEMA]
        return pa.RecordBatch.from_arrays(arrays, schema=DUPLICATES_SCHEMA)


def _ledger_value(duplicate: Mapping[str, Any]) -> str:
    where = " in an earlier run" if duplicate["earlier_run"] else ""
    return f"{duplicate['survivor']} at {duplicate['cosine']:.4f}{where}"
