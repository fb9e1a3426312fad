"""A finished run as Python sees it: its pairs, its ledger, its funnel, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import FSSpecHandler, PyFileSystem

from babelsift.pipelines.inspection.pair_images import IMAGE_SCHEMA, image_batches
from babelsift.pipelines.inspection.why import Fate, find_fates
from babelsift.pipelines.run_folder.finished_run import no_complete_run, read_funnel
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET, RECIPE, REJECTS
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.pipelines.staging.scores.embedding_checksums import EMBEDDINGS
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.pipelines.staging.scores.stores_of_folder import all_embeddings, store_named
from babelsift.schemas import (
    LEDGER_SCHEMA,
    Funnel,
    Recipe,
    RecipeError,
    RunFolderError,
    one_line,
    parse_recipe,
    public_url,
)


@dataclass(frozen=True)
class FinishedRun:
    """A run folder whose product is complete; made by `open_run`.

    Attributes:
        folder: the run folder.
        funnel: rows in, kept and rejected of each stage.
    """

    folder: RunFolder
    funnel: Funnel

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe that the run was made by, every setting written out.

        Raises:
            RecipeError: its file is gone, or is none.
        """
        return parse_recipe(self.recipe_text, source=self.folder.path(RECIPE))

    @cached_property
    def recipe_text(self) -> str:
        """The recipe as YAML, as it stands in the run folder.

        Raises:
            RecipeError: its file is gone, or is no text.
        """
        try:
            return self.folder.read(RECIPE).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{self.folder.path(RECIPE)} cannot be read: {one_line(error)}") from error

    def pairs(self) -> ds.Dataset:
        """Returns what the shards hold, a row a text, as an Arrow dataset: columns and rows are read when asked for."""
        return self._dataset([split.folder for split in SPLITS.values()], None)

    def rejects(self) -> ds.Dataset:
        """Returns the ledger, LEDGER_SCHEMA, as an Arrow dataset: stage, reason, value and threshold of each row."""
        return self._dataset([REJECTS], pa.schema([field.with_nullable(True) for field in LEDGER_SCHEMA]))

    def images(self, uids: Iterable[str] | pa.Array) -> pa.RecordBatchReader:
        """Returns uid, image and extension of pairs, kept or left out, in the order of the uids.

        Images are read a few at a time, while the reader is read: those of shards, else those that are staged. They are
        null for a pair that never had one, or is not of this run.

        Args:
            uids: of pairs.

        Raises:
            RunFolderError: while it is read: an image is not what was stored.
        """
        names = [str(uid) for uid in uids]
        return pa.RecordBatchReader.from_batches(
            IMAGE_SCHEMA, image_batches(self.folder, self.pairs(), self.rejects(), names)
        )

    def embeddings(self, model: str | None = None) -> pa.RecordBatchReader:
        """Returns uid, image_embedding and text_embedding (float16, unit length) of all pairs that were scored.

        They are read a batch at a time, while the reader is read; each uid comes once. Among them may be pairs of
        earlier inputs of the folder.

        Args:
            model: the name of its column; None: the only one that has embeddings.

        Raises:
            RunFolderError: there are none, or of several models, or some are damaged.
        """
        batches = _embedding_batches(store_named(self.folder, model))
        first = next(batches, None)
        if first is None:
            raise RunFolderError(f"{public_url(self.folder.url)}: no pair has an embedding")
        return pa.RecordBatchReader.from_batches(first.schema, chain([first], batches))

    def why(self, uid_or_url: str) -> list[Fate]:
        """Returns what became of the rows with a uid or URL, and of the other texts of the same image.

        Args:
            uid_or_url: a uid, or its first digits where no other pair's uid begins with them; or a URL.

        Raises:
            RunFolderError: the pair was not in the input, or several pairs' uids begin so.
        """
        return find_fates(self.folder.url, uid_or_url)

    def _dataset(self, folders: Sequence[str], schema: pa.Schema | None) -> ds.Dataset:
        paths = [self.folder.path(where, name) for where in folders for name in self.folder.list(where, PARQUET)]
        files = PyFileSystem(FSSpecHandler(self.folder.fs))
        return ds.dataset(paths, schema=schema, format="parquet", filesystem=files)


def _embedding_batches(store: ScoreStore) -> Iterator[pa.RecordBatch]:
    seen: set[str] = set()
    for uids, vectors in all_embeddings(store):
        names = uids.to_pylist()
        rows = [row for row, uid in enumerate(names) if uid not in seen]
        seen.update(names)
        columns = [
            pa.FixedSizeListArray.from_arrays(pa.array(kind[rows].reshape(-1)), kind.shape[1]) for kind in vectors
        ]
        yield pa.RecordBatch.from_arrays([uids.take(pa.array(rows)), *columns], names=["uid", *EMBEDDINGS.values()])


def open_run(url: str) -> FinishedRun:
    """Returns a finished run.

    Args:
        url: the run folder, local or any fsspec URL.

    Raises:
        RunFolderError: no complete run is there.
    """
    folder = RunFolder(url)
    funnel = read_funnel(folder)
    if funnel is None:
        raise no_complete_run(url)
    return FinishedRun(folder, funnel)
