"""Where scores and embeddings lie, a chunk of a staging shard at a time, in the layout of clip-retrieval and autofaiss.

    staging/scores/<name>-<first 8 of the model's fingerprint>/
        info.json                                 the model, for people
        img_emb/img_emb_00012_0000.npy            float16[rows, dimension]; rows of zeros where a pair has an error
        text_emb/text_emb_00012_0000.npy
        metadata/metadata_00012_0000.parquet      the same rows: METADATA_SCHEMA
        metadata_only/metadata_00012_0000.parquet where embeddings were not to be kept
        heads/<head>-<first 8 of its fingerprint>/head_00012_0000.npy    float32[rows], NaN where there is no score

A chunk's metadata is written last and is its commit mark; files without it are written again, and so is a chunk that is
damaged: its metadata has checksums of its pages and of the embeddings' rows. A model, by its fingerprint, has a folder
of its own, so that nothing here is ever out of date with the model. A shard's chunks are written by one worker at a
time; a bundle that is tried again writes the same chunks.
"""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.commit_marks import is_text
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.scores.embedding_checksums import (
    EMBEDDINGS,
    checksum_metadata,
    row_checksums,
    stored_checksums,
)
from babelsift.pipelines.staging.scores.head_vectors import KINDS_OF_VECTORS, head_vectors
from babelsift.schemas import RunFolderError, one_line
from babelsift.schemas.recipe.groups.heads import Vectors

SCORES_FOLDER = "staging/scores"
_INFO = "info.json"

# A stored score is a pair's own only while its image is the one that was scored: hence sha256 and image_size.
METADATA_SCHEMA = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False, metadata={"unit": "32 hex digits"}),
        pa.field("similarity", pa.float32(), metadata={"unit": "cosine, -1 to 1; null where there is an error"}),
        pa.field("error", pa.string()),
        pa.field("sha256", pa.string(), nullable=False, metadata={"unit": "64 hex digits, of the bytes as served"}),
        pa.field("image_size", pa.int64(), nullable=False, metadata={"unit": "bytes in the staging tar"}),
    ]
)
PAIR_COLUMNS = ("uid", "sha256", "image_size")

PairKey = tuple[str, str, int]
Score = tuple[float | None, str | None]
ScoreEmbeddings = Callable[[np.ndarray], np.ndarray]


class DamagedChunkError(RunFolderError):
    """A chunk's embeddings are gone, or not those that were stored."""


@dataclass(frozen=True)
class ScoreStore:
    """The scores of one model in a run folder.

    Attributes:
        name: the model's column name. fingerprint: its fingerprint, hex. keep_embeddings: store the vectors too, and
            take a pair without stored vectors as not scored.
    """

    folder: RunFolder
    name: str
    fingerprint: str
    keep_embeddings: bool = True

    @property
    def root(self) -> str:
        """The model's folder, relative to the run folder."""
        return f"{SCORES_FOLDER}/{self.name}-{self.fingerprint[:8]}"

    def describe(self, info: Mapping[str, Any]) -> None:
        """Writes info.json where it is not there yet.

        Raises:
            RunFolderError: the folder holds another model whose fingerprint begins alike.
        """
        stored = read_model_info(self.folder, posixpath.basename(self.root))
        if stored is None:
            self.folder.write_json(f"{self.root}/{_INFO}", {"fingerprint": self.fingerprint, **info})
        elif stored["fingerprint"] != self.fingerprint:
            raise RunFolderError(
                f"{self.folder.path(self.root, _INFO)} describes another model than {self.fingerprint}; "
                f"give the model another name or move that folder away"
            )

    def scores(self, shard: int) -> dict[PairKey, Score]:
        """Returns the stored (similarity, error) of a shard's pairs by (uid, sha256, image_size).

        Raises:
            RunFolderError: a stored file cannot be read.
        """
        scores: dict[PairKey, Score] = {}
        for metadata in self._metadata_folders():
            for _, table in self.chunks(shard, metadata):
                keys = zip(*(table.column(name).to_pylist() for name in PAIR_COLUMNS), strict=True)
                values = zip(table.column("similarity").to_pylist(), table.column("error").to_pylist(), strict=True)
                scores.update(zip(keys, values, strict=True))
        return scores

    def head_scores(
        self, shard: int, head: str, score: ScoreEmbeddings, vectors: Vectors = "image"
    ) -> tuple[dict[PairKey, float | None], int]:
        """Returns a head's scores of a shard's stored pairs, and for how many pairs they had to be computed.

        Args:
            head: the name of its folder, see `head_folder`.
            score: of what it reads of stored embeddings, float32[n, dimension].
            vectors: what it reads.

        Raises:
            RunFolderError: a stored file cannot be read or written.
            DamagedChunkError: and the chunk counts no more.
        """
        scores: dict[PairKey, float | None] = {}
        computed = 0
        for chunk, table in self.chunks(shard):
            values = self.stored_head_scores(shard, chunk, head, len(table))
            if values is None:
                try:
                    values = self._computed(shard, chunk, table, score, vectors)
                except DamagedChunkError:
                    self.discard_chunk(shard, chunk)
                    raise
                computed += len(table)
                with self.folder.writing(self._head_path(shard, chunk, head)) as file:
                    np.lib.format.write_array(file, values, allow_pickle=False)
            scores.update(_by_pair(table, values))
        return scores, computed

    def known_head_scores(
        self, shard: int, head: str, score: ScoreEmbeddings | None = None, vectors: Vectors = "image"
    ) -> dict[PairKey, float | None]:
        """Returns a head's scores of a shard's stored pairs, and writes nothing.

        Args:
            head, vectors: as for `head_scores`.
            score: for pairs with embeddings and no score yet; None: those are left out.

        Raises:
            RunFolderError: a stored file cannot be read.
        """
        scores: dict[PairKey, float | None] = {}
        for chunk, table in self.chunks(shard):
            values = self.stored_head_scores(shard, chunk, head, len(table))
            if values is None and score is not None:
                values = self._computed(shard, chunk, table, score, vectors)
            if values is not None:
                scores.update(_by_pair(table, values))
        return scores

    def _head_path(self, shard: int, chunk: int, head: str) -> str:
        return f"{self.root}/heads/{head}/head_{_suffix(shard, chunk)}.npy"

    def stored_head_scores(self, shard: int, chunk: int, head: str, rows: int) -> np.ndarray | None:
        """Returns float32[rows], a head's stored scores of a chunk, NaN for none; None where they are not stored.

        Args:
            shard: of the chunk.
            chunk: its number.
            head: its name and the first of its fingerprint.
            rows: of the chunk.

        Raises:
            RunFolderError: the file cannot be read.
        """
        path = self._head_path(shard, chunk, head)
        try:
            values = self._read_array(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            reason = one_line(error, limit=None)
            raise RunFolderError(f"cannot read {self.folder.path(path)}: {reason}; remove it and run again") from error
        return values if values.shape == (rows,) else None

    def _computed(
        self, shard: int, chunk: int, table: pa.Table, score: ScoreEmbeddings, vectors: Vectors
    ) -> np.ndarray:
        parts = [self.embeddings(kind, shard, chunk, table) for kind in KINDS_OF_VECTORS[vectors]]
        good = table.column("error").is_null().to_numpy()
        values = np.full(len(table), np.nan, np.float32)
        if good.any():
            values[good] = score(head_vectors(vectors, [part[good] for part in parts]))
        return values

    def embeddings(self, kind: str, shard: int, chunk: int, table: pa.Table) -> np.ndarray:
        """Returns a chunk's vectors, float16[rows, dimension], checked against their checksums; changes nothing.

        Args:
            kind: one of EMBEDDINGS.
            table: what `chunks` gives of the chunk.

        Raises:
            DamagedChunkError: they are gone, or not what was stored.
            RunFolderError: they cannot be read.
        """
        path = self.embeddings_path(kind, shard, chunk)
        try:
            vectors = self._read_array(path)
        except (FileNotFoundError, ValueError) as error:
            reason = one_line(error, limit=None)
        except OSError as error:
            raise RunFolderError(f"cannot read {self.folder.path(path)}: {error}; mend it, then run again") from error
        else:
            known = stored_checksums(table).get(kind)
            if vectors.shape[:-1] == (len(table),) and (known is None or (row_checksums(vectors) == known).all()):
                return vectors
            reason = f"it does not hold the {len(table)} vectors that were stored"
        raise DamagedChunkError(
            f"{self.folder.path(path)} is damaged: {reason}; "
            f"empty {self.folder.path(self._path('metadata', shard, chunk))}, if it is not empty already, and run "
            f"{self.folder.url} again: this chunk alone is scored again"
        )

    def _read_array(self, path: str) -> np.ndarray:
        with self.folder.open(path) as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    def add(self, shard: int, pairs: pa.RecordBatch, results: pa.RecordBatch) -> None:
        """Stores pairs with their results as the shard's next chunk.

        Args:
            pairs: has PAIR_COLUMNS.
            results: as many rows of `filters.clip.result_schema`, with the embeddings where they are kept.

        Raises:
            RunFolderError: the folder cannot be written.
        """
        metadata = self._metadata_folders()[-1]
        chunk = 0
        while isinstance(self._read_chunk(self._path(metadata, shard, chunk)), pa.Table):
            chunk += 1
        checksums: dict[str, bytes] = {}
        if self.keep_embeddings:
            for kind, column in EMBEDDINGS.items():
                matrix = _matrix(results.column(column))
                with self.folder.writing(self.embeddings_path(kind, shard, chunk)) as file:
                    np.lib.format.write_array(file, matrix, allow_pickle=False)
                checksums |= checksum_metadata(kind, matrix)
        for head in self.folder.folders(f"{self.root}/heads"):  # of a damaged chunk that this one takes the place of
            self.folder.remove(self._head_path(shard, chunk, head))
        columns = {name: pairs.column(name) for name in PAIR_COLUMNS}
        columns |= {name: results.column(name) for name in ("similarity", "error")}
        schema = METADATA_SCHEMA.with_metadata(checksums)
        table = pa.table([columns[name] for name in schema.names], schema=schema)
        with self.folder.writing(self._path(metadata, shard, chunk)) as file:
            pq.write_table(table, file, compression="zstd", write_page_checksum=True)

    def discard_chunk(self, shard: int, chunk: int) -> None:
        """Empties the commit mark of a chunk whose embeddings are damaged, so that it is scored again."""
        self.folder.write(self._path("metadata", shard, chunk), b"")

    def embeddings_path(self, kind: str, shard: int, chunk: int) -> str:
        """Returns the path, within the run folder, of a chunk's embeddings; kind: one of EMBEDDINGS."""
        return f"{self.root}/{kind}/{kind}_{_suffix(shard, chunk)}.npy"

    def _metadata_folders(self) -> tuple[str, ...]:
        """The folders whose scores serve; the last is the one that is written to."""
        return ("metadata",) if self.keep_embeddings else ("metadata", "metadata_only")

    def _path(self, metadata: str, shard: int, chunk: int) -> str:
        return f"{self.root}/{metadata}/metadata_{_suffix(shard, chunk)}.parquet"

    def chunks(self, shard: int, metadata: str = "metadata") -> Iterator[tuple[int, pa.Table]]:
        """Yields (number, METADATA_SCHEMA) of a shard's chunks; damaged ones are named and passed over.

        Raises:
            RunFolderError: a stored file cannot be read.
        """
        chunk = 0
        while (table := self._read_chunk(self._path(metadata, shard, chunk))) is not None:
            if isinstance(table, pa.Table):
                yield chunk, table
            else:
                logging.warning("score %s: %s; its pairs are scored again", self.name, table)
            chunk += 1

    def _read_chunk(self, path: str) -> pa.Table | str | None:
        """A chunk's metadata; what is wrong where it is damaged; None where there is none."""
        try:
            with self.folder.open(path) as file:
                content = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RunFolderError(f"cannot read {self.folder.path(path)}: {error}; mend it, then run again") from error
        try:
            table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
        except (OSError, pa.ArrowException) as error:
            return f"{self.folder.path(path)} is damaged ({' '.join(str(error).split())})"
        if table.schema.names != METADATA_SCHEMA.names or table.schema.types != METADATA_SCHEMA.types:
            raise RunFolderError(
                f"{self.folder.path(path)} holds {table.schema.names}, not {METADATA_SCHEMA.names}; "
                f"move {posixpath.dirname(self.folder.path(path))} away and run again"
            )
        return table


def read_model_info(folder: RunFolder, model: str) -> dict[str, Any] | None:
    """Returns what describes a model of which a run folder has scores; None where nothing does, or it is damaged.

    Args:
        folder: of the run.
        model: name of its folder among the scores.
    """
    info = folder.read_commit_mark(f"{SCORES_FOLDER}/{model}/{_INFO}", {"fingerprint": is_text})
    return info if info is not None and "fingerprint" in info else None


def _by_pair(table: pa.Table, values: np.ndarray) -> Iterator[tuple[PairKey, float | None]]:
    """A chunk's values by pair; NaN is null."""
    keys = zip(*(table.column(name).to_pylist() for name in PAIR_COLUMNS), strict=True)
    return zip(keys, pa.array(values, from_pandas=True).to_pylist(), strict=True)


def _suffix(shard: int, chunk: int) -> str:
    return f"{shard:05d}_{chunk:04d}"


def _matrix(vectors: pa.FixedSizeListArray) -> np.ndarray:
    """Returns float16[rows, dimension], zeros where a vector is null."""
    dimension = vectors.type.list_size
    matrix = np.zeros((len(vectors), dimension), np.float16)
    valid = vectors.is_valid().to_numpy(zero_copy_only=False)
    matrix[valid] = vectors.flatten().to_numpy(zero_copy_only=False).reshape(-1, dimension)
    return matrix
