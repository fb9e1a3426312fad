"""Semantic near-duplicates within a cluster of embeddings, and which row of them is kept.

Source: SemDeDup, https://arxiv.org/abs/2303.09540, and its code: within a cluster, in order of distance to the
centroid, an item goes if any item before it, gone or not, has a cosine above 1 - epsilon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from babelsift.filters.bytes16 import halves
from babelsift.filters.dedup.embeddings.embedding_records import EARLIER
from babelsift.filters.dedup.embeddings.vectors import exact_cosines, on_grid, pairs_above

# survivor: the row that is kept in the place of uid. cosine: of the two; below 1 - epsilon where others lie between
# them. is_earlier: whether the survivor is an earlier run's.
SEMANTIC_LINK = np.dtype([("uid", "V16"), ("survivor", "V16"), ("cosine", "<f4"), ("is_earlier", "?")])


def distinct_vectors(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Folds rows of equal vectors into the first of them: no later one could change the fate of any other.

    Args:
        rows: `embedding_record`, in any order.

    Returns:
        (the first row of each vector in order of priority and uid; SEMANTIC_LINK of each other row but EARLIER to it).
    """
    rows = rows[np.lexsort((*halves(rows["uid"])[::-1], rows["priority"]))]
    vectors = np.ascontiguousarray(rows["vector"])
    # Not by its strides: those of a single row are the record's.
    whole = np.dtype((np.void, vectors.itemsize * vectors.shape[1]))
    _, first, inverse = np.unique(vectors.view(whole).reshape(-1), return_index=True, return_inverse=True)
    leader = first[inverse.reshape(-1)]
    copies = np.flatnonzero((leader != np.arange(len(rows))) & (rows["priority"] != EARLIER))
    return rows[np.sort(first)], _links(rows, copies, leader[copies], np.ones(len(copies)))


def semantic_links(rows: np.ndarray, epsilon: float, *, block_rows: int = 1024) -> np.ndarray:
    """Returns which rows of one cluster go, and the row that is kept in the place of each.

    That is the nearest row that is kept; where only rows that go are near, it is the one kept in the place of the
    nearest of those.

    Args:
        rows: `embedding_record`, no vector twice, in order of priority and uid.
        epsilon: a row goes if its cosine with a row before it is above 1 - epsilon.
        block_rows: rows compared at once; memory holds the square of it in cosines. Results do not depend on it.

    Returns:
        SEMANTIC_LINK[m], in the order of the rows.
    """
    survivor = np.arange(len(rows))
    cosines = np.ones(len(rows))
    earlier = np.count_nonzero(rows["priority"] == EARLIER)
    for start in range(earlier, len(rows), block_rows):
        block = on_grid(rows["vector"][start : start + block_rows])
        nearest, nearest_kept = _Nearest(len(block)), _Nearest(len(block))
        for other in range(0, start, block_rows):
            before = on_grid(rows["vector"][other : min(other + block_rows, start)])
            near = _Pairs.of(block, before, epsilon, first_column=other)
            nearest.look(near)
            nearest_kept.look(near.only(survivor[near.columns] == near.columns))
        within = _Pairs.of(block, block, epsilon, first_column=start, below_diagonal=True)
        nearest.look(within)
        goes = nearest.row >= 0
        nearest_kept.look(within.only(~goes[within.columns - start]))
        for row in np.flatnonzero(goes):
            index, is_between = start + row, nearest_kept.row[row] < 0
            survivor[index] = survivor[nearest.row[row]] if is_between else nearest_kept.row[row]
            cosines[index] = nearest_kept.cosine[row]
            if is_between:
                pair = rows["vector"][[index, survivor[index]]]
                cosines[index] = exact_cosines(pair[:1], pair[1:])[0]
    gone = np.flatnonzero(survivor != np.arange(len(rows)))
    return _links(rows, gone, survivor[gone], cosines[gone])


def _links(rows: np.ndarray, gone: np.ndarray, survivors: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    links = np.empty(len(gone), SEMANTIC_LINK)
    links["uid"], links["survivor"], links["cosine"] = rows["uid"][gone], rows["uid"][survivors], cosines
    links["is_earlier"] = rows["priority"][survivors] == EARLIER
    return links


@dataclass(frozen=True)
class _Pairs:
    """Rows of a block and the rows before them that are within epsilon; columns: the latter's row numbers."""

    rows: np.ndarray
    columns: np.ndarray
    cosines: np.ndarray

    @classmethod
    def of(
        cls, block: np.ndarray, others: np.ndarray, epsilon: float, *, first_column: int, below_diagonal: bool = False
    ) -> _Pairs:
        rows, columns, cosines = pairs_above(block, others, 1 - epsilon, below_diagonal=below_diagonal)
        return cls(rows, first_column + columns, cosines)

    def only(self, chosen: np.ndarray) -> _Pairs:
        return _Pairs(self.rows[chosen], self.columns[chosen], self.cosines[chosen])


class _Nearest:
    """The nearest row that each row of a block has met, or -1, and its cosine; ties: the first."""

    def __init__(self, rows: int) -> None:
        self.cosine = np.full(rows, -np.inf)
        self.row = np.full(rows, -1)

    def look(self, pairs: _Pairs) -> None:
        """Compares with the rows of some more pairs, which come after those of all before."""
        order = np.lexsort((pairs.columns, -pairs.cosines, pairs.rows))
        first = order[np.flatnonzero(np.diff(pairs.rows[order], prepend=-1))]
        rows, cosines = pairs.rows[first], pairs.cosines[first]
        nearer = cosines > self.cosine[rows]
        self.cosine[rows[nearer]], self.row[rows[nearer]] = cosines[nearer], pairs.columns[first][nearer]
