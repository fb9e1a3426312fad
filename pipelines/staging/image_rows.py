"""The images that rows are texts of: all pairs of one staged image lie in one batch from the download on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class ImageRows:
    """The images of a batch's rows: n rows, m images.

    Attributes:
        first: int64[m], of each image the row of the lowest uid, which stands for it.
        of_row: int64[n], the index of each row's image.
    """

    first: np.ndarray
    of_row: np.ndarray

    @property
    def standing_row(self) -> np.ndarray:
        """int64[n], for each row the row that stands for its image."""
        return self.first[self.of_row]


def image_rows(batch: pa.RecordBatch) -> ImageRows:
    """Returns the images of a batch's rows, in the order of the rows that stand for them.

    Args:
        batch: with uid, and staging_shard, key and image_offset, which say where an image lies.
    """
    keys = pc.dictionary_encode(batch.column("key")).indices.to_numpy(zero_copy_only=False)
    shards, offsets = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("staging_shard", "image_offset"))
    places = np.stack([shards.astype(np.int64), keys.astype(np.int64), offsets.astype(np.int64)])
    images, of_row = np.unique(places, axis=1, return_inverse=True)
    of_row = of_row.reshape(-1)
    rank_of_row = np.empty(len(batch), np.int64)
    rank_of_row[pc.sort_indices(batch.column("uid")).to_numpy()] = np.arange(len(batch))
    order = np.lexsort((rank_of_row, of_row))
    _, starts = np.unique(of_row[order], return_index=True)
    first = order[starts]
    by_row = np.argsort(first, kind="stable")  # the images in the order of their first rows
    number = np.empty(images.shape[1], np.int64)
    number[by_row] = np.arange(images.shape[1])
    return ImageRows(first[by_row], number[of_row])
