"""Images in the shards of a product, by their range: a shard's tar is looked through once."""

from __future__ import annotations

import tarfile
import threading

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import RunFolderError, one_line

IMAGE_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_Members = dict[str, tuple[int, int, str]]  # key -> where its image begins, its bytes, its extension


class ShardImages:
    """Images of a run folder's shards; threads may share one.

    Attributes:
        folder: of the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._shards: dict[str, _Members] = {}
        self._lock = threading.Lock()

    def image(self, path: str, key: str) -> tuple[bytes, str] | None:
        """Returns (an image file's bytes, its extension); None where the shard has no such sample.

        Args:
            path: of the shard's tar within the run folder.
            key: of the sample.

        Raises:
            RunFolderError: the shard is gone, or is no tar.
        """
        try:
            member = self._members(path).get(key)
            if member is None:
                return None
            offset, size, extension = member
            return self.folder.read_range(path, offset, offset + size), extension
        except (OSError, tarfile.TarError) as error:
            raise RunFolderError(
                f"{self.folder.path(path)} cannot be read: {one_line(error)}; run `babelsift curate` again"
            ) from error

    def _members(self, path: str) -> _Members:
        with self._lock:
            if path not in self._shards:
                with self.folder.open(path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
                    members = [(info.name.rpartition("."), info) for info in tar]
                self._shards[path] = {
                    key: (info.offset_data, info.size, extension)
                    for (key, _, extension), info in members
                    if extension in IMAGE_TYPES
                }
            return self._shards[path]
