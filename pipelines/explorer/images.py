"""The image of a pair by its range: from staging, or, where staging was removed, from the shard that it ended in."""

from __future__ import annotations

from dataclasses import dataclass

from babelsift.pipelines.explorer.pairs.load import SHARD, SPLIT, STAGED_ROW
from babelsift.pipelines.inspection.shard_images import ShardImages
from babelsift.pipelines.inspection.staged_images import Staged
from babelsift.pipelines.run_folder.paths import TAR
from babelsift.pipelines.run_folder.shard_layout import SPLITS, shard_name
from babelsift.schemas import RunFolderError


@dataclass(frozen=True)
class PairImages:
    """Images of the rows of a table of pairs.

    Attributes:
        staged: what the run has staged.
        in_shards: what its product has.
    """

    staged: Staged
    in_shards: ShardImages

    def of(self, row: dict) -> tuple[bytes, str] | None:
        """Returns (an image file's bytes, its extension); None where the pair never had one.

        Args:
            row: of the table.

        Raises:
            RunFolderError: it is not what was stored.
        """
        is_in_shard = row.get(SHARD) is not None and row.get("key") is not None
        if row.get(STAGED_ROW) is not None:
            try:
                return self.staged.image(row[STAGED_ROW])
            except RunFolderError:
                if not is_in_shard:
                    raise
        if not is_in_shard:
            return None
        return self.in_shards.image(f"{SPLITS[row[SPLIT]].folder}/{shard_name(row[SHARD])}{TAR}", row["key"])
