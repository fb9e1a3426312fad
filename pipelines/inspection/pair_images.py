"""Images of pairs by uid, a few at a time: from the shards, else from staging."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from babelsift.pipelines.inspection.shard_images import ShardImages
from babelsift.pipelines.inspection.staged_images import Staged, read_staged
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET, TAR

IMAGE_SCHEMA = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False),
        pa.field("image", pa.large_binary(), metadata={"content": "the file, as it is stored"}),
        pa.field("extension", pa.string(), metadata={"content": "jpg, png or webp"}),
    ]
)
_AT_ONCE = 64
_FILE = "__filename"


def image_batches(
    folder: RunFolder, kept: ds.Dataset, rejected: ds.Dataset, uids: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Yields IMAGE_SCHEMA of some pairs, in their order.

    Args:
        folder: of the run.
        kept: what its shards hold.
        rejected: its ledger.
        uids: of the pairs.

    Raises:
        RunFolderError: an image is not what was stored.
    """
    wanted = pc.field("uid").isin(pa.array(sorted(set(uids)), pa.string()))
    in_shards = {
        row["uid"]: (_tar_beside(row[_FILE]), row["key"])
        for row in kept.to_table(columns=["uid", "key", _FILE], filter=wanted).to_pylist()
    }
    left_out: dict[str, str | None] = {}
    if not in_shards.keys() >= set(uids):
        rows = rejected.to_table(columns=["uid", "url"], filter=wanted).to_pylist()
        left_out = {row["uid"]: row["url"] for row in rows}
    staged = read_staged(folder) if left_out else None
    staged_rows = {} if staged is None else _staged_rows(staged, left_out)
    shards = ShardImages(folder)

    def image(uid: str) -> tuple[bytes, str] | None:
        if uid in in_shards:
            return shards.image(*in_shards[uid])
        row = staged_rows.get(uid)
        return None if staged is None or row is None else staged.image(row)

    for start in range(0, len(uids), _AT_ONCE):
        batch = list(uids[start : start + _AT_ONCE])
        files, extensions = zip(*(image(uid) or (None, None) for uid in batch), strict=True)
        columns = [batch, files, extensions]
        yield pa.RecordBatch.from_arrays(
            [pa.array(values, field.type) for values, field in zip(columns, IMAGE_SCHEMA, strict=True)],
            schema=IMAGE_SCHEMA,
        )


def _tar_beside(table: str) -> str:
    """The path, within the run folder, of a shard's tar, given the full path of its table."""
    where, name = posixpath.split(table)
    return f"{posixpath.basename(where)}/{name.removesuffix(PARQUET)}{TAR}"


def _staged_rows(staged: Staged, urls: dict[str, str | None]) -> dict[str, int | None]:
    """Returns which staged image is that of each of some pairs, given {uid: URL}."""
    columns = [pa.array(values, pa.large_string()) for values in (urls.keys(), urls.values())]
    pairs = pa.table(columns, names=["uid", "url"])
    return dict(zip(urls, staged.rows_of(pairs).to_pylist(), strict=True))
