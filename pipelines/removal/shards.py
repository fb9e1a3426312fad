"""Final shards without some of their texts and samples: the same number, the same keys, fewer samples."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.removal.derived import filter_matrix
from babelsift.pipelines.removal.swap import Swap, swapping
from babelsift.pipelines.removal.tables import read_rows
from babelsift.pipelines.removal.tars import copy_samples
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET, STATS, TAR
from babelsift.pipelines.run_folder.shard_layout import SPLITS, Split
from babelsift.pipelines.run_folder.tombstones import Tombstones
from babelsift.pipelines.stages.shard.shard_writer import MARK, MEMBERS, images_of, json_rows, text_files
from babelsift.schemas import RunFolderError


@dataclass(frozen=True)
class FinalShard:
    """A shard of the product.

    Attributes:
        split: which it is of.
        name: without suffix.
        rows: its table, a row a text.
        goes: bool[n], the rows that go.
    """

    split: Split
    name: str
    rows: pa.Table
    goes: np.ndarray

    @property
    def stem(self) -> str:
        """Its path within the run folder, without suffix."""
        return f"{self.split.folder}/{self.name}"

    @property
    def gone(self) -> pa.Table:
        """The rows that go."""
        return self.rows.filter(pa.array(self.goes))

    @property
    def left(self) -> pa.Table:
        """The rows that stay."""
        return self.rows.filter(pa.array(~self.goes))

    @property
    def samples_left(self) -> int:
        """How many samples stay: those of which a text does."""
        return len(set(self.left.column("key").to_pylist()))


def final_shards(folder: RunFolder, removed: Tombstones) -> Iterator[FinalShard]:
    """Yields the shards of the product, one after another.

    Raises:
        RunFolderError: a table cannot be read.
    """
    for split in SPLITS.values():
        for name in folder.list(split.folder, PARQUET):
            rows = read_rows(folder, f"{split.folder}/{name}")
            goes = removed.are_pairs(rows) | removed.are_images(rows)
            yield FinalShard(split, name.removesuffix(PARQUET), rows, goes)


def stats_of(folder: RunFolder, shard: FinalShard) -> dict[str, Any]:
    """Returns a shard's commit mark.

    Raises:
        RunFolderError: there is none, or it is damaged.
    """
    stats = folder.read_commit_mark(shard.stem + STATS, MARK)
    if stats is None or not set(MARK) <= set(stats):
        raise RunFolderError(
            f"{folder.path(shard.stem + STATS)} is gone or damaged; run `babelsift curate`, which makes the shard anew"
        )
    return stats


def rewrite_shard(folder: RunFolder, shard: FinalShard) -> None:
    """Writes a shard without the rows that go, and all files beside it.

    Raises:
        RunFolderError: a file cannot be read or written.
    """
    stats, left, files = stats_of(folder, shard), shard.left, dict[str, str]()
    path = shard.stem
    texts = {name: content for rows in _touched_samples(shard) for name, content in text_files(rows).items()}
    keys = {*shard.gone.column("key").to_pylist()} - {*left.column("key").to_pylist()}
    with swapping(folder) as swap:
        with folder.open(path + TAR) as source, swap.writing(path + TAR) as tar:
            copy_samples(source, tar, keys, changed=texts, members=MEMBERS)
        with swap.writing(path + PARQUET) as table:
            pq.write_table(left, table, compression="zstd")
        files |= {path + TAR: tar.sha256, path + PARQUET: table.sha256}
        for beside in [beside for beside in stats["files"] if beside not in files]:
            files[beside] = _rewrite_beside(swap, folder, beside, shard, left)
        samples = shard.samples_left
        print_of = hashlib.blake2b(stats["fingerprint"].encode(), digest_size=16)
        for uid in shard.gone.column("uid").to_pylist():
            print_of.update(uid.encode())
        now = {
            **stats,
            "samples": samples,
            "successes": samples,
            "texts": len(left),
            "bytes": tar.size,
            "sha256": tar.sha256,
            "languages": dict(sorted(Counter(left.column("language").to_pylist()).items())),
            "files": {name: files[name] for name in stats["files"]},
            "fingerprint": print_of.hexdigest(),  # of no rows that a run writes: the next one writes the shard anew
        }
        swap.write_json(path + STATS, now)


def _rewrite_beside(swap: Swap, folder: RunFolder, path: str, shard: FinalShard, left: pa.Table) -> str:
    """Writes the new version of a file that lies row by row beside a shard; returns its sha256."""
    if path.endswith(".npy"):
        if filter_matrix(swap, folder, path, ~shard.goes) is None:
            raise RunFolderError(f"{folder.path(path)} is gone or damaged; run `babelsift curate` first")
        return swap.sha256_of(path)
    table = left
    if path.startswith(f"{shard.split.images}/"):
        keys = left.column("key").to_pylist()
        is_first = np.array([row == 0 or keys[row] != keys[row - 1] for row in range(len(keys))], bool)
        table = images_of(left, is_first)
    with swap.writing(path) as file:
        pq.write_table(table, file, compression="zstd")
    return file.sha256


def _touched_samples(shard: FinalShard) -> Iterator[list[dict[str, Any]]]:
    """Yields what is left of the samples that lose some of their texts and not all."""
    touched = {*shard.gone.column("key").to_pylist()} & {*shard.left.column("key").to_pylist()}
    if touched:
        is_touched = [key in touched for key in shard.left.column("key").to_pylist()]
        rows = json_rows(shard.left.filter(pa.array(is_touched, pa.bool_())))
        yield from (list(of_sample) for _, of_sample in itertools.groupby(rows, key=itemgetter("key")))
