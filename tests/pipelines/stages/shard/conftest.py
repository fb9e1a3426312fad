"""Rows whose images, and embeddings, lie in a run folder's staging."""

import numpy as np
import pyarrow as pa
import pytest

from babelsift.filters.clip import result_schema
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.layout import MEMBERS, shard_path
from babelsift.pipelines.staging.scores.score_store import ScoreStore


@pytest.fixture
def staged(tmp_path, image_rows):
    """staged(n) -> (run folder, batch of n rows whose images are in its staging)."""

    def make(rows, scatter=0):
        folder = RunFolder(str(tmp_path / f"run{scatter}"))
        batch = image_rows(
            rows, rank=list(range(rows)), similarity_m=pa.array([0.1 + row / 1e4 for row in range(rows)], pa.float32())
        )
        keys, offsets, content = batch.column("key").to_pylist(), [], bytearray(scatter * 512)
        for row in range(rows):
            image = f"image {row}".encode()
            content += MEMBERS.header(f"{keys[row]}.jpg", len(image))
            offsets.append(len(content))
            content += image.ljust(512, b"\0")
        folder.write(shard_path(0, ".tar"), bytes(content))
        batch = batch.set_column(batch.schema.get_field_index("image_offset"), "image_offset", pa.array(offsets))
        sizes = pa.array([len(f"image {row}") for row in range(rows)], pa.int64())
        return folder, batch.set_column(batch.schema.get_field_index("image_size"), "image_size", sizes)

    return make


@pytest.fixture
def embedded(staged):
    """embedded(n) -> (folder, batch, store, {uid: (image vector, text vector)}), stored in three parts."""

    def make(rows):
        folder, batch = staged(rows)
        store = ScoreStore(folder, "tiny", "0123abcd" * 8)
        vectors = {}
        for start in range(0, rows, rows // 3 + 1):
            some = batch.slice(start, rows // 3 + 1)
            numbers = range(start, start + len(some))
            results = {
                "similarity": [0.5] * len(some),
                "error": [None] * len(some),
                "image_embedding": [np.full(4, number, np.float16) for number in numbers],
                "text_embedding": [np.full(4, number + 0.5, np.float16) for number in numbers],
            }
            store.add(0, some, pa.RecordBatch.from_pydict(results, schema=result_schema(4)))
            vectors |= dict(zip(some.column("uid").to_pylist(), numbers, strict=True))
        return folder, batch, store, vectors

    return make
