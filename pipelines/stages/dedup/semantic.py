"""Stage semantic dedup: images whose CLIP embeddings lie near one another, by clusters, as SemDeDup has it.

Embeddings are read where scoring stored them. What crosses a shuffle: draws of 8 bytes, the sample's vectors, and each
pair's uid, priority and float16 vector, once, to its cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.bytes16 import halves
from babelsift.filters.dedup import (
    EARLIER,
    SEMANTIC_LINK,
    cluster_count,
    distinct_vectors,
    embedding_record,
    nearest_centroids,
    pack_embedding_records,
    position_of,
    semantic_links,
    train_centroids,
    unpack_embedding_records,
)
from babelsift.filters.uids import order_keys, uid_bytes
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.combine_packed import MergePacked
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.dedup.duplicates_table import DUPLICATES
from babelsift.pipelines.stages.dedup.earlier_embeddings import (
    EarlierPart,
    ReadEarlierEmbeddings,
    plan_earlier_embeddings,
)
from babelsift.pipelines.staging.score_store import ScoreStore
from babelsift.pipelines.staging.stored_embeddings import read_embeddings
from babelsift.schemas import Decision, RejectReason, Stage, similarity_column
from babelsift.schemas.duplicates import DUPLICATES_SCHEMA
from babelsift.schemas.recipe import DedupSemanticSettings

_IMAGE = "img_emb"
_BY_DISTANCE = {"farthest": 1, "nearest": -1}  # the lowest priority, which stays: of the lowest cosine, of the highest


@dataclass
class DedupSemantic(Transform):
    """Leaves out images that mean the same as another; without settings all pass as they are.

    Input and main output: batches of `score_schema`, no uid twice. Pairs without a similarity, which another model
    scores, are not compared. REJECTED: the others; value is `<survivor's uid> at <cosine>`, and `in an earlier run`
    where it is of one, threshold 1 - epsilon. DUPLICATES: who survived them.

    Attributes:
        store: where the model's embeddings lie.
        seed: of sample and clusters.
        buffer_bytes: of rows and vectors that a worker buffers for their clusters; a cluster's are folded at four times
            as many. Results do not depend on it.
    """

    settings: DedupSemanticSettings | None
    store: ScoreStore | None = None
    seed: int = 0
    buffer_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.settings is not None and self.store is None:
            raise ValueError("semantic dedup needs the store of the embeddings that it compares")
        if self.store is not None:
            self.store = replace(self.store, keep_embeddings=True)
        self._earlier: tuple[EarlierPart, ...] = ()
        if self.settings is not None and self.store is not None:
            self._earlier = plan_earlier_embeddings(self.settings.earlier, self.store)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Finds the clusters, then who goes in each, and drops all at once."""
        if self.settings is None:
            return batches | "Pass" >> kept_and_rejected(beam.ParDo(_DropLinked(None)), {DUPLICATES: pa.RecordBatch})
        settings, store = self.settings, self.store
        rows = batches | "CountRows" >> beam.Map(_compared_rows, store.name) | "Sum" >> beam.CombineGlobally(sum)
        lowest = (
            batches
            | "Draw" >> beam.Map(draws, store.name, self.seed)
            | "Lowest" >> beam.CombineGlobally(LowestDraws(settings.sample_rows))
        )
        sample = batches | "ReadSample" >> beam.FlatMap(
            read_sample, store, self.seed, beam.pvalue.AsSingleton(lowest)
        ).with_output_types(bytes)
        one = batches.pipeline | "One" >> beam.Create([None], reshuffle=False)
        train = beam.Map(
            centroids_of, beam.pvalue.AsIter(sample), beam.pvalue.AsSingleton(rows), settings.clusters, self.seed
        )
        centroids = one | "Train" >> train.with_output_types(bytes)
        vectors = batches | "ReadVectors" >> beam.FlatMap(vectors_of, store).with_output_types(bytes)
        if self._earlier:
            earlier = batches.pipeline | "Earlier" >> ReadEarlierEmbeddings(self._earlier)
            vectors = (vectors, earlier) | "WithEarlier" >> beam.Flatten()
        assign = beam.ParDo(_Assign(settings.survivor, self.buffer_bytes), beam.pvalue.AsSingleton(centroids))
        links = (
            vectors
            | "Assign" >> assign.with_output_types(tuple[int, bytes])
            | "GroupCluster" >> beam.GroupByKey()
            | "Compare" >> beam.Map(links_of_cluster, settings.epsilon, 4 * self.buffer_bytes).with_output_types(bytes)
        )
        drop = beam.ParDo(_DropLinked(settings), beam.pvalue.AsList(links))
        return batches | "Drop" >> kept_and_rejected(drop, {DUPLICATES: pa.RecordBatch})


class LowestDraws(MergePacked):
    """Merges draws (uint64, packed) into the lowest, sorted."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def merge(self, packed: list[bytes]) -> bytes:
        """Returns the lowest draws of several."""
        return np.sort(np.frombuffer(b"".join(packed), "<u8"))[: self._most].tobytes()


def draws(batch: pa.RecordBatch, name: str, seed: int) -> bytes:
    """Returns the draws of the rows that model `name` scored, packed: their place in the order of a sample."""
    return order_keys(_compared(batch, name).column("uid"), seed).astype("<u8").tobytes()


def read_sample(batch: pa.RecordBatch, store: ScoreStore, seed: int, lowest: bytes) -> Iterator[bytes]:
    """Yields the packed vectors of a batch's rows that are drawn."""
    rows = _compared(batch, store.name)
    drawn = np.isin(order_keys(rows.column("uid"), seed), np.frombuffer(lowest, "<u8"))
    if drawn.any():
        yield pack_embedding_records(read_vectors(rows.filter(pa.array(drawn)), store))


def centroids_of(_: None, sample: Iterable[bytes], rows: int, clusters: int | None, seed: int) -> bytes:
    """Returns the centroids, float32, packed behind their dimension; of no sample, nothing."""
    parts = [unpack_embedding_records(packed) for packed in sample]
    if not parts:
        return b""
    vectors = np.concatenate(parts)
    vectors = vectors[_by_uid(vectors)]["vector"]
    found = train_centroids(vectors, clusters or cluster_count(rows, len(vectors)), seed)
    return found.shape[1].to_bytes(4, "little") + found.astype("<f4").tobytes()


def read_vectors(rows: pa.RecordBatch, store: ScoreStore) -> np.ndarray:
    """Returns rows that a store has as `embedding_record` rows, priority 0.

    Raises: RunFolderError: some are not stored, or are damaged.
    """
    vectors = read_embeddings(store, pa.Table.from_batches([rows]), kinds=(_IMAGE,))[_IMAGE]
    found = np.zeros(len(rows), embedding_record(vectors.shape[1]))
    found["uid"], found["vector"] = uid_bytes(rows.column("uid")), vectors
    return found


def vectors_of(batch: pa.RecordBatch, store: ScoreStore) -> Iterator[bytes]:
    """Yields the packed vectors of a batch's compared rows; the higher a similarity, the lower the priority."""
    rows = _compared(batch, store.name)
    if len(rows):
        found = read_vectors(rows, store)
        found["priority"] = -rows.column(similarity_column(store.name)).to_numpy().astype(np.float64)
        yield pack_embedding_records(found)


def links_of_cluster(cluster: tuple[int, Iterable[bytes]], epsilon: float, folded_at_bytes: int) -> bytes:
    """Returns the packed SEMANTIC_LINKs of one cluster's rows; copies of one vector are folded as they come."""
    folded: list[np.ndarray] = []
    links: list[np.ndarray] = []
    waiting = 0
    for packed in cluster[1]:
        folded.append(unpack_embedding_records(packed))
        waiting += len(packed)
        if waiting > max(folded_at_bytes, folded[0].nbytes):
            rows, copies = distinct_vectors(np.concatenate(folded))
            folded, waiting = [rows], 0
            links.append(copies)
    rows, copies = distinct_vectors(np.concatenate(folded))
    between = semantic_links(rows, epsilon)
    return _followed(np.concatenate([*links, copies]), between).tobytes()


def _followed(copies: np.ndarray, links: np.ndarray) -> np.ndarray:
    """All links, those of copies to what survives the one that they are copies of."""
    links = links[_by_uid(links)]
    copies = copies.copy()
    while len(copies):  # a copy's first may have been folded into another's, and that into a third
        merged = copies[_by_uid(copies)]
        rows, further = _going_on(copies, merged)
        if not len(rows):
            break
        for name in ("survivor", "is_earlier"):
            copies[name][rows] = merged[name][further]
    rows, near = _going_on(copies, links)
    for name in ("survivor", "is_earlier", "cosine"):
        copies[name][rows] = links[name][near]
    return np.concatenate([links, copies])


def _going_on(copies: np.ndarray, links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The copies whose survivor goes itself, and the place of its link; an earlier run's does not go."""
    near = np.where(copies["is_earlier"], -1, position_of(links["uid"], copies["survivor"]))
    rows = np.flatnonzero(near >= 0)
    return rows, near[rows]


def _by_uid(rows: np.ndarray) -> np.ndarray:
    return np.lexsort(halves(rows["uid"])[::-1])


def _compared(batch: pa.RecordBatch, name: str) -> pa.RecordBatch:
    return batch.filter(batch.column(similarity_column(name)).is_valid())


def _compared_rows(batch: pa.RecordBatch, name: str) -> int:
    return len(_compared(batch, name))


class _Assign(BundleBuffer):
    """Gathers rows with their vectors and sends them to the cluster of the centroid next to each."""

    def __init__(self, survivor: str, buffer_bytes: int) -> None:
        super().__init__(flush_at=buffer_bytes)
        self._survivor = survivor

    def chunk_of(self, element: bytes, side_input: bytes) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows and the cluster of each."""
        found = unpack_embedding_records(element).copy()
        centres = np.frombuffer(side_input, "<f4", offset=4).reshape(-1, int.from_bytes(side_input[:4], "little"))
        clusters, cosines = nearest_centroids(found["vector"], centres)
        if self._survivor in _BY_DISTANCE:
            distance = _BY_DISTANCE[self._survivor] * cosines
            found["priority"] = np.where(found["priority"] == EARLIER, EARLIER, distance)
        elif self._survivor == "lowest_uid":
            found["priority"] = np.where(found["priority"] == EARLIER, EARLIER, 0)
        return found, clusters

    def size_of(self, chunk: tuple[np.ndarray, np.ndarray], element: bytes) -> int:
        """Returns the bytes of a part's vectors."""
        return chunk[0].nbytes

    def by_partition(self, chunks: Sequence[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[int, bytes]]:
        """Yields (cluster, its packed rows)."""
        rows, clusters = (np.concatenate(column) for column in zip(*chunks, strict=True))
        order = np.argsort(clusters, kind="stable")
        starts = np.flatnonzero(np.diff(clusters[order], prepend=-1))
        for some in np.split(order, starts[1:]):
            yield int(clusters[some[0]]), pack_embedding_records(rows[some])


def _described(duplicate: Mapping[str, Any]) -> str:
    where = " in an earlier run" if duplicate["earlier_run"] else ""
    return f"{duplicate['survivor']} at {duplicate['cosine']:.4f}{where}"


class _DropLinked(beam.DoFn):
    def __init__(self, settings: DedupSemanticSettings | None) -> None:
        self._settings = settings
        self._packed: list[bytes] | None = None

    def process(self, element: pa.RecordBatch, packed: list[bytes] = ()) -> Iterator[object]:
        decision = Decision.keep_all(len(element))
        if self._settings is not None:
            if self._packed is not packed:
                links = np.frombuffer(b"".join(packed), SEMANTIC_LINK)
                self._packed, self._links = packed, links[_by_uid(links)]
            near = position_of(self._links["uid"], uid_bytes(element.column("uid")))
            rows = np.flatnonzero(near >= 0)
            duplicates = self._duplicates(element, rows, self._links[near[rows]])
            if not self._settings.report_only:
                values = np.full(len(element), None, dtype=object)
                values[rows] = [_described(one) for one in duplicates.to_pylist()]
                threshold = 1 - self._settings.epsilon
                decision.reject(near >= 0, RejectReason.SEMANTIC_DUPLICATE, values=values, threshold=threshold)
            if len(rows):
                yield beam.pvalue.TaggedOutput(DUPLICATES, duplicates)
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
