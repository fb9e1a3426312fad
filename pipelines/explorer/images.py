"""The image of a pair by its range: from staging, or, where staging was removed, from the shard that it ended in."""

from __future__ import annotations

import tarfile
import threading

from babelsift.pipelines.explorer.pairs.load import SHARD, SPLIT, STAGED_ROW
from babelsift.pipelines.explorer.pairs.staged import Staged
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.shard_layout import SPLITS, shard_name
from babelsift.schemas import RunFolderError

TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_Members = dict[str, tuple[int, int, str]]  # key -> where its image begins, its bytes, its extension


class PairImages:
    """Images of the rows of a table of pairs.

    Attributes:
        folder: of the run.
        staged: what it has staged.
    """

    def __init__(self, folder: RunFolder, staged: Staged) -> None:
        self.folder, self.staged = folder, staged
        self._shards: dict[str, _Members] = {}
        self._lock = threading.Lock()

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
        path = f"{SPLITS[row[SPLIT]].folder}/{shard_name(row[SHARD])}.tar"
        member = self._members(path).get(row["key"])
        if member is None:
            return None
        offset, size, extension = member
        return self.folder.read_range(path, offset, offset + size), extension

    def _members(self, path: str) -> _Members:
        """The images of a shard by key, found in the headers of its tar, which are read once."""
        with self._lock:
            if path not in self._shards:
                with self.folder.open(path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
                    members = [(info.name.rpartition("."), info) for info in tar]
                self._shards[path] = {
                    key: (info.offset_data, info.size, extension)
                    for (key, _, extension), info in members
                    if extension in TYPES
                }
            return self._shards[path]
