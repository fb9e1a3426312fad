"""Embeddings beside the shards, row by row as in them, in clip-retrieval's layout; read by range where they are stored.

OUT/embeddings/<model>/img_emb/img_emb_00000000.npy       float16[samples, dimension]
                      /text_emb/text_emb_00000000.npy
                      /metadata/metadata_00000000.parquet the shard's own rows
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.pipelines.staging.scores.stored_embeddings import read_embeddings


def write_embeddings(
    store: ScoreStore, rows: pa.Table, metadata: pa.Table, *, folder: str, name: str
) -> dict[str, str]:
    """Writes one shard's embeddings by one model; returns {path of each file: its sha256}.

    Args:
        rows: the shard's, with DOWNLOAD_SCHEMA's columns.
        metadata: as they are in the shard's parquet.
        folder: the model's.
        name: the shard's.

    Raises:
        RunFolderError: a file cannot be written, or a row's embeddings are not stored.
    """
    files = {}
    for kind, matrix in read_embeddings(store, rows).items():
        path = f"{folder}/{kind}/{kind}_{name}.npy"
        with store.folder.writing(path, read_back=True) as file:
            np.lib.format.write_array(file, matrix, allow_pickle=False)
        files[path] = file.sha256
    path = f"{folder}/metadata/metadata_{name}.parquet"
    with store.folder.writing(path, read_back=True) as file:
        pq.write_table(metadata, file, compression="zstd")
    return files | {path: file.sha256}
