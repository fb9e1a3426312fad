"""Images of pairs: from staging by their range, or, where staging has them no more, from the shards."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from babelsift.pipelines.inspection.shard_images import ShardImages
from babelsift.pipelines.inspection.staged_images import Staged, read_staged
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET, TAR
from babelsift.schemas import RunFolderError

IMAGE_SCHEMA = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False),
        pa.field("image", pa.large_binary(), metadata={"content": "the file, as it is stored"}),
        pa.field("extension", pa.string(), metadata={"content": "jpg, png or webp"}),
    ]
)
_AT_ONCE = 64
_FILE = "__filename"

Sample = tuple[str, str]  # a shard's tar within the run folder, a key in it


@dataclass(frozen=True)
class PairImages:
    """The images of a run's pairs.

    Staging comes first: it says where an image lies, while a shard's tar has to be looked through.

    Attributes:
        staged: what the run has staged.
        in_shards: what its product has.
    """

    staged: Staged
    in_shards: ShardImages

    def image(self, staged_row: int | None, sample: Sample | None) -> tuple[bytes, str] | None:
        """Returns (an image file's bytes, its extension); None where there is none.

        Args:
            staged_row: which staged image is the pair's; None: none is.
            sample: where the product has it; None: the pair was left out.

        Raises:
            RunFolderError: it is not what was stored.
        """
        if staged_row is not None:
            try:
                return self.staged.image(staged_row)
            except RunFolderError:
                if sample is None:
                    raise
        return None if sample is None else self.in_shards.image(*sample)


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
    of_shards = kept.to_table(columns=["uid", "url", "key", _FILE], filter=wanted).to_pylist()
    urls = {row["uid"]: row["url"] for row in of_shards}
    if not urls.keys() >= set(uids):
        of_ledger = rejected.to_table(columns=["uid", "url"], filter=wanted).to_pylist()
        urls = {row["uid"]: row["url"] for row in of_ledger} | urls
    samples = {row["uid"]: (_tar_beside(row[_FILE]), row["key"]) for row in of_shards}
    images = PairImages(read_staged(folder), ShardImages(folder))
    staged_rows = _staged_rows(images.staged, urls)
    for start in range(0, len(uids), _AT_ONCE):
        batch = list(uids[start : start + _AT_ONCE])
        found = [images.image(staged_rows.get(uid), samples.get(uid)) or (None, None) for uid in batch]
        files, extensions = zip(*found, strict=True)
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
