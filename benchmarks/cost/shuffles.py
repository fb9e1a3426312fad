"""The shuffles of a run of any size, simulated: how large partitions become, how many pieces, what no worker may hold.

Counts of rows in partitions are drawn, not rows: a partition by a digest has a Poisson number of them, hosts follow a
power law, and a domain with more than its share is split by its URLs' hashes, as the download does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROWS_A_DEDUP_PARTITION = 500_000
ROWS_A_STAGING_SHARD = 10_000
FLUSHED_ROWS = 65_536
LOOKED_UP_ROWS = 200_000  # of 64 MB of batches, which ask together
DIGEST_BYTES, KEY_BYTES = 48, 24
MEMBER_BYTES, MERGED_BYTES = 16, 112  # of a linked row: as it waits, and while all are merged (measured)
_RANGES = 256
_DOMAINS = 20_000_000
_POWER = 1.05


@dataclass(frozen=True)
class Shuffle:
    """One shuffle.

    Attributes:
        name: what is brought together.
        partitions: how many.
        largest_over_mean: of partitions' rows.
        largest_bytes: of the fullest partition, which a worker holds.
        pieces: batches that a worker makes of its rows, for all partitions.
    """

    name: str
    partitions: int
    largest_over_mean: float
    largest_bytes: float
    pieces: float


def simulate(rows: int, workers: int, seed: int = 0) -> list[Shuffle]:
    """Returns the shuffles of a run.

    Args:
        rows: that come to each of them.
        workers: that send them.
        seed: of the draws.
    """
    draw = np.random.default_rng(seed)
    dedup = max(1, rows // ROWS_A_DEDUP_PARTITION)
    shards = max(1, rows // ROWS_A_STAGING_SHARD)
    return [
        _by_digest("pairs by digest", rows, dedup, DIGEST_BYTES, workers, draw),
        _by_digest("look-ups by digest", rows, dedup, 16, workers, draw, LOOKED_UP_ROWS),
        _by_digest("sort keys by range", rows, _RANGES, KEY_BYTES, workers, draw),
        _by_domain(rows, shards, workers, draw),
        _by_digest("rows by final shard", rows, shards, 163, workers, draw),
    ]


def _by_digest(
    name: str,
    rows: int,
    partitions: int,
    row_bytes: int,
    workers: int,
    draw: np.random.Generator,
    flushed_rows: int = FLUSHED_ROWS,
) -> Shuffle:
    counts = draw.poisson(rows / partitions, partitions)
    pieces = _pieces(rows, counts, workers, flushed_rows)
    return Shuffle(name, partitions, counts.max() / counts.mean(), counts.max() * row_bytes, pieces)


def _by_domain(rows: int, partitions: int, workers: int, draw: np.random.Generator) -> Shuffle:
    sizes = np.arange(1, _DOMAINS + 1, dtype=np.float64) ** -_POWER
    sizes *= rows / sizes.sum()
    mean = rows / partitions
    split, whole = sizes[sizes > mean / 2], sizes[sizes <= mean / 2]
    counts = draw.poisson(split.sum() / partitions, partitions).astype(np.float64)
    np.add.at(counts, draw.integers(0, partitions, len(whole)), whole)
    return Shuffle(
        "URLs by domain", partitions, counts.max() / counts.mean(), counts.max() * 250, _pieces(rows, counts, workers)
    )


def _pieces(rows: int, counts: np.ndarray, workers: int, flushed_rows: int = FLUSHED_ROWS) -> float:
    """Returns batches a worker: each time its buffer is full it makes one for each partition that has any row in it."""
    flushes = rows / workers / flushed_rows
    expected = flushed_rows * counts / counts.sum()
    return float(flushes * np.sum(1 - np.exp(-expected)))
