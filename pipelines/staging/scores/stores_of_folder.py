"""The score stores that a run folder has, whichever recipes made them, and all embeddings that they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET
from babelsift.pipelines.staging.scores.embedding_checksums import EMBEDDINGS
from babelsift.pipelines.staging.scores.score_store import SCORES_FOLDER, DamagedChunkError, ScoreStore, read_model_info
from babelsift.schemas import RunFolderError, public_url
from babelsift.schemas.suggestions import did_you_mean


def score_stores(folder: RunFolder) -> Iterator[ScoreStore]:
    """Yields the stores, with embeddings or without; a name comes more than once where a model was changed."""
    for model in folder.folders(SCORES_FOLDER):
        info = read_model_info(folder, model)
        if info is not None and model.endswith(suffix := f"-{info['fingerprint'][:8]}"):
            yield ScoreStore(folder, model.removesuffix(suffix), info["fingerprint"])


def stores_by_name(folder: RunFolder) -> dict[str, list[ScoreStore]]:
    """Returns the stores with embeddings by their models' names; a name has several where a model was changed."""
    stores: dict[str, list[ScoreStore]] = {}
    for store in score_stores(folder):
        if folder.list(f"{store.root}/img_emb", ".npy"):
            stores.setdefault(store.name, []).append(store)
    return stores


def store_named(folder: RunFolder, model: str | None) -> ScoreStore:
    """Returns the store with a model's embeddings.

    Args:
        folder: of the run.
        model: its name; None: the only one that there is.

    Raises:
        RunFolderError: there is none, or there are several; names those that there are.
    """
    stores, where = stores_by_name(folder), public_url(folder.url)
    if model is None and len(stores) == 1:
        [model] = stores
    if model is None:
        there = f"of several models: {', '.join(stores)}; name one" if stores else "of no model"
        raise RunFolderError(f"{where}: has embeddings {there}")
    if model not in stores:
        hint = did_you_mean(model, stores, otherwise=f"there are {', '.join(stores) or 'none'}")
        raise RunFolderError(f"{where}: has no embeddings of a model {model!r}; {hint}")
    if len(stores[model]) > 1:
        raise RunFolderError(
            f"{where}: {len(stores[model])} models in {SCORES_FOLDER} are called {model!r}; remove those out of date"
        )
    return stores[model][0]


def all_embeddings(
    store: ScoreStore,
    kinds: Sequence[str] = tuple(EMBEDDINGS),
    *,
    wanted: pa.Array | None = None,
    passes_over_damage: bool = False,
) -> Iterator[tuple[pa.Array, list[np.ndarray]]]:
    """Yields (uids, of each kind float16[n, dimension]) of stored pairs without an error, a chunk at a time.

    A pair whose image was replaced, and scored again, comes more than once.

    Args:
        store: of a model.
        kinds: of EMBEDDINGS.
        wanted: uids; None: all.
        passes_over_damage: whether a chunk that is damaged is left out.

    Raises:
        DamagedChunkError: it is not to be left out.
        RunFolderError: a stored file cannot be read.
    """
    names = store.folder.list(f"{store.root}/metadata", PARQUET)
    for shard in sorted({int(name.split("_")[1]) for name in names}):
        for chunk, table in store.chunks(shard):
            uids = table.column("uid").combine_chunks()
            is_taken = table.column("error").combine_chunks().is_null()
            if wanted is not None:
                is_taken = pc.and_(is_taken, pc.is_in(uids, value_set=wanted))
            rows = np.flatnonzero(is_taken.to_numpy(zero_copy_only=False))
            if not len(rows):
                continue
            try:
                vectors = [store.embeddings(kind, shard, chunk, table)[rows] for kind in kinds]
            except DamagedChunkError:
                if not passes_over_damage:
                    raise
                continue
            yield uids.take(pa.array(rows)), vectors
