"""Reads the file of a quantised fastText model with a hierarchical softmax, such as lid.176.ftz, as arrays.

Format: fastText 0.9.2 (src/fasttext.cc, dictionary.cc, quantmatrix.cc, productquantizer.cc), version 12.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_MAGIC, _VERSION = 793712314, 12
_SUPERVISED, _HIERARCHICAL_SOFTMAX = 3, 1
_ARGUMENTS = "dim window epoch min_count negatives word_ngrams loss model bucket min_n max_n rate".split()  # noqa: SIM905
_CENTROIDS = 256
_NO_ROW = -1


@dataclass(frozen=True)
class QuantisedModel:
    """The arrays of a model.

    Attributes:
        words: known to the model.
        labels: that it chooses among.
        label_counts: int64[labels], how often training saw each.
        min_n, max_n: lengths of the n-grams of characters in words.
        bucket_rows: int32[buckets], the row of `vectors` that an n-gram's hash stands for, -1 where it was pruned.
        vectors: float32[rows, dim], of words first, then of n-grams.
        outputs: float32[labels, dim].
    """

    words: list[bytes]
    labels: list[str]
    label_counts: np.ndarray
    min_n: int
    max_n: int
    bucket_rows: np.ndarray
    vectors: np.ndarray
    outputs: np.ndarray


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def numbers(self, form: str) -> tuple:
        numbers = struct.unpack_from(f"<{form}", self._content, self._at)
        self._at += struct.calcsize(f"<{form}")
        return numbers

    def array(self, kind: str, count: int) -> np.ndarray:
        array = np.frombuffer(self._content, kind, count, self._at)
        self._at += array.nbytes
        return array

    def name(self) -> bytes:
        end = self._content.index(b"\0", self._at)
        name, self._at = self._content[self._at : end], end + 1
        return name


def read_quantised(path: str) -> QuantisedModel | None:
    """Returns the model in a file; None where it is of another kind.

    Args:
        path: a file that fastText itself could load.
    """
    with open(path, "rb") as file:
        reader = _Reader(file.read(struct.calcsize("<14i")))
        magic, version, *values = reader.numbers("14i")
        settings = dict(zip(_ARGUMENTS, values, strict=True))
        known = (magic, version, settings["model"], settings["loss"], settings["word_ngrams"])
        if known != (_MAGIC, _VERSION, _SUPERVISED, _HIERARCHICAL_SOFTMAX, 1) or settings["min_n"] < 2:
            return None
        reader = _Reader(file.read())
    reader.numbers("d")
    size, words, labels, _, pruned = reader.numbers("iiiqq")
    entries = [(reader.name(), *reader.numbers("qb")) for _ in range(size)]
    kept = reader.array("<i4", 2 * max(pruned, 0)).reshape(-1, 2)
    (quantised,) = reader.numbers("?")
    if not quantised or pruned < 0:
        return None
    bucket_rows = np.full(settings["bucket"], _NO_ROW, dtype=np.int32)
    bucket_rows[kept[:, 0]] = words + kept[:, 1]
    vectors = _quantised_matrix(reader)
    (output_quantised,) = reader.numbers("?")
    if output_quantised:
        return None
    rows, columns = reader.numbers("qq")
    outputs = reader.array("<f4", rows * columns).reshape(rows, columns)
    return QuantisedModel(
        words=[name for name, _, _ in entries[:words]],
        labels=[name.decode() for name, _, _ in entries[words : words + labels]],
        label_counts=np.array([count for _, count, _ in entries[words : words + labels]]),
        min_n=settings["min_n"], max_n=settings["max_n"], bucket_rows=bucket_rows, vectors=vectors, outputs=outputs,
    )  # fmt: skip


def _quantised_matrix(reader: _Reader) -> np.ndarray:
    has_norms, rows, dim, size = reader.numbers("?qqi")
    codes = reader.array("u1", size).reshape(rows, -1)
    matrix = _decoded(reader, codes)[:, :dim]
    if has_norms:
        norms = _decoded(reader, reader.array("u1", rows).reshape(rows, 1))
        matrix = matrix * norms
    return np.ascontiguousarray(matrix)


def _decoded(reader: _Reader, codes: np.ndarray) -> np.ndarray:
    """Returns float32[rows, dim]: each code stands for the centroid of a slice of the row."""
    dim, slices, width, last_width = reader.numbers("4i")
    centroids = reader.array("<f4", dim * _CENTROIDS)
    decoded: list[np.ndarray] = []
    for index in range(slices):
        wide = last_width if index == slices - 1 else width
        table = centroids[index * _CENTROIDS * width :][: _CENTROIDS * wide].reshape(_CENTROIDS, wide)
        decoded.append(table[codes[:, index]])
    return np.concatenate(decoded, axis=1)


def softmax_tree(counts: Sequence[int]) -> list[tuple[int, int]]:
    """Returns the children (left, right) of the inner nodes of fastText's Huffman tree, the root last.

    Leaves are numbered as `counts` from 0, inner nodes from len(counts) on.

    Args:
        counts: in descending order.

    >>> softmax_tree([3, 2, 1])
    [(2, 1), (3, 0)]
    """
    leaves = len(counts)
    totals = [*counts, *[10**15] * (leaves - 1)]
    children, leaf, node = [], leaves - 1, leaves
    for inner in range(leaves, 2 * leaves - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and totals[leaf] < totals[node]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(node)
                node += 1
        totals[inner] = totals[pair[0]] + totals[pair[1]]
        children.append((pair[0], pair[1]))
    return children
