"""Clusters of embeddings: their centroids, which cluster each row goes to, and which rows of one go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from babelsift.filters.bytes16 import halves
from babelsift.filters.dedup import (
    EARLIER,
    cell_count,
    cluster_count,
    distinct_vectors,
    nearest_centroids,
    pack_embedding_records,
    position_of,
    semantic_links,
    train_centroids,
    unpack_embedding_records,
)
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.shuffled_pieces import array_pieces

_SAMPLES_PER_CELL = 256
# The sign of a cosine to the centroid that makes it a priority, of which the lowest is kept.
_BY_DISTANCE = {"farthest": 1, "nearest": -1}


@dataclass(frozen=True)
class ClusterPlan:
    """How many clusters there are to be, and the cells whose samples are trained apart.

    Attributes:
        clusters: of all cells.
        sampled: rows of the sample.
        cells: the cells' centroids, packed by `pack_centroids`; none: one cell has the whole sample.
    """

    clusters: int
    sampled: int
    cells: bytes


def plan_clusters(
    _: None, sample: Iterable[bytes], rows: int, lowest: bytes, clusters: int | None, seed: int
) -> ClusterPlan:
    """Returns the plan; cells are trained on a part of the sample, its lowest uids.

    Args:
        sample: packed `embedding_record` rows, in any order.
        rows: how many are compared.
        lowest: the sample's draws, packed uint64.
        clusters: None: as many as `cluster_count` says.
        seed: of k-means.
    """
    sampled = len(lowest) // 8
    count = clusters or cluster_count(rows, sampled)
    cells = cell_count(min(count, max(1, sampled)))
    if cells == 1:
        return ClusterPlan(count, sampled, b"")
    part = _lowest_uids(sample, cells * _SAMPLES_PER_CELL)
    return ClusterPlan(count, sampled, pack_centroids(train_centroids(part["vector"], cells, seed)))


def train_cell(cell: tuple[int, Iterable[bytes]], plan: ClusterPlan, seed: int) -> tuple[int, bytes]:
    """Returns (the cell's number, its centroids, packed): of all clusters its share by its samples.

    Args:
        cell: (its number, packed `embedding_record` rows, in any order).
        plan: see `ClusterPlan`.
        seed: of k-means.
    """
    number, packed = cell
    rows = np.concatenate([unpack_embedding_records(chunk) for chunk in packed])
    clusters = max(1, round(plan.clusters * len(rows) / plan.sampled))
    return number, pack_centroids(train_centroids(rows[by_uid(rows)]["vector"], clusters, seed))


def join_centroids(_: None, cells: Iterable[tuple[int, bytes]]) -> bytes:
    """Returns the centroids of all cells, packed, in the order of the cells; without a sample no byte."""
    centroids = [unpack_centroids(packed) for _, packed in sorted(cells)]
    return pack_centroids(np.concatenate(centroids)) if centroids else b""


def pack_centroids(centroids: np.ndarray) -> bytes:
    """Returns centroids, float32[k, dimension], packed behind their dimension."""
    return centroids.shape[1].to_bytes(4, "little") + centroids.astype("<f4").tobytes()


def unpack_centroids(packed: bytes) -> np.ndarray:
    """Returns float32[k, dimension] of what `pack_centroids` packed."""
    return np.frombuffer(packed, "<f4", offset=4).reshape(-1, int.from_bytes(packed[:4], "little"))


def _lowest_uids(sample: Iterable[bytes], most: int) -> np.ndarray:
    """Returns the rows of the lowest uids, sorted, holding no more than a few times as many."""
    chunks: list[np.ndarray] = []
    for packed in sample:
        chunks.append(unpack_embedding_records(packed))
        if sum(map(len, chunks)) > 4 * most:
            chunks = [_first_by_uid(chunks, most)]
    return _first_by_uid(chunks, most)


def _first_by_uid(chunks: Sequence[np.ndarray], most: int) -> np.ndarray:
    rows = np.concatenate(chunks)
    return rows[by_uid(rows)[:most]]


def links_of_cluster(cluster: tuple[int, Iterable[bytes]], epsilon: float, fold_at_bytes: int) -> bytes:
    """Returns the packed SEMANTIC_LINKs of one cluster's rows.

    Args:
        cluster: (its number, packed `embedding_record` rows, in any order).
        epsilon: rows with a cosine above 1 - epsilon are duplicates.
        fold_at_bytes: copies of one vector are folded whenever so many bytes have come in, or as many as are folded.
    """
    folded: list[np.ndarray] = []
    links: list[np.ndarray] = []
    unfolded_bytes = 0
    for packed in cluster[1]:
        folded.append(unpack_embedding_records(packed))
        unfolded_bytes += len(packed)
        if unfolded_bytes > max(fold_at_bytes, folded[0].nbytes):
            rows, copies = distinct_vectors(np.concatenate(folded))
            folded, unfolded_bytes = [rows], 0
            links.append(copies)
    rows, copies = distinct_vectors(np.concatenate(folded))
    between = semantic_links(rows, epsilon)
    return _followed(np.concatenate([*links, copies]), between).tobytes()


def by_uid(rows: np.ndarray) -> np.ndarray:
    """Returns int64[n], the order of rows with a `uid` by it."""
    high, low = halves(rows["uid"])
    return np.lexsort((low, high))


def _followed(copies: np.ndarray, links: np.ndarray) -> np.ndarray:
    """All links, those of copies to what is kept in the place of the row that they are copies of."""
    links = links[by_uid(links)]
    copies = copies.copy()
    while len(copies):  # a copy's first may have been folded into another's, and that into a third
        merged = copies[by_uid(copies)]
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
    """The copies of rows that are left out themselves, and the index of those rows' links; an earlier run's is kept."""
    index = np.where(copies["is_earlier"], -1, position_of(links["uid"], copies["survivor"]))
    rows = np.flatnonzero(index >= 0)
    return rows, index[rows]


class AssignClusters(BundleBuffer):
    """Sends rows with their vectors to the cluster of the nearest centroid.

    Input: packed `embedding_record` rows, and as side input the packed centroids; without any, all are one cluster.
    Output: (cluster, its packed rows).

    Args:
        survivor: the setting that says which row of several is kept; None: priorities stay as they are.
        flush_at_bytes: of rows and vectors, at which the buffer is full.
    """

    def __init__(self, survivor: str | None, flush_at_bytes: int) -> None:
        super().__init__(flush_at_bytes)
        self._survivor = survivor

    def chunk_of(self, element: bytes, side_input: bytes) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows and the cluster of each."""
        rows = unpack_embedding_records(element).copy()
        if not side_input:
            return rows, np.zeros(len(rows), np.int64)
        clusters, cosines = nearest_centroids(rows["vector"], unpack_centroids(side_input))
        if self._survivor in _BY_DISTANCE:
            distance = _BY_DISTANCE[self._survivor] * cosines
            rows["priority"] = np.where(rows["priority"] == EARLIER, EARLIER, distance)
        elif self._survivor == "lowest_uid":
            rows["priority"] = np.where(rows["priority"] == EARLIER, EARLIER, 0)
        return rows, clusters

    def size_of(self, chunk: tuple[np.ndarray, np.ndarray], element: bytes) -> int:
        """Returns the bytes of a chunk's rows and vectors."""
        return chunk[0].nbytes

    def by_partition(self, chunks: Sequence[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[int, bytes]]:
        """Yields (cluster, its packed rows)."""
        rows, clusters = (np.concatenate(column) for column in zip(*chunks, strict=True))
        order = np.argsort(clusters, kind="stable")
        starts = np.flatnonzero(np.diff(clusters[order], prepend=-1))
        for rows_of_cluster in np.split(order, starts[1:]):
            for piece in array_pieces(rows[rows_of_cluster]):
                yield int(clusters[rows_of_cluster[0]]), pack_embedding_records(piece)
