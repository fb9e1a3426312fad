"""A folder becomes a run folder only where nothing in it has a name that a run would write."""

from __future__ import annotations

from dataclasses import asdict, replace

from babelsift.pipelines.run_folder.fence import Fence
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import FORMAT, read_manifest
from babelsift.pipelines.run_folder.paths import MANIFEST
from babelsift.pipelines.run_folder.product import PRODUCT_FOLDERS, SINGLE_FILES
from babelsift.pipelines.storage.errors import storage_failures
from babelsift.pipelines.storage.store import is_temporary
from babelsift.schemas import RunFolderError

_NAMES = sorted({path.split("/")[0] for path in (*SINGLE_FILES, *PRODUCT_FOLDERS, "staging")})


def claim_folder(folder: RunFolder, run: str) -> RunFolder:
    """Makes a folder a run folder, if it is none yet, and begins a run in it: no earlier one can commit any more.

    Args:
        folder: locked by this run.
        run: the run's token; see `RunLock.token`.

    Returns:
        The folder as this run writes to it, until another begins.
    Raises:
        RunFolderError: see `check_claimable`; or it cannot be written.
    """
    check_claimable(folder)
    content = folder.read_json(MANIFEST) or {"format": FORMAT, "partitions": None}
    fence = Fence(content.get("epoch", 0) + 1, run)
    folder.write_json(MANIFEST, asdict(fence) | content | asdict(fence))
    return replace(folder, fence=fence)


def check_claimable(folder: RunFolder) -> None:
    """Looks whether a run may write in a folder: an earlier run did, or nothing there has a name that a run writes.

    What a run leaves that was killed before it wrote anything whole does not count: its lock, temporary names.

    Raises:
        RunFolderError: it holds such a name; or its manifest is damaged, or a newer version's.
    """
    with storage_failures(RunFolderError, f"--output {folder.url}: cannot be read"):
        if folder.exists(MANIFEST):
            read_manifest(folder)
            return
        is_folder = {entry.name: entry.is_folder for entry in folder.store.list("")}
        for name in filter(is_folder.__contains__, _NAMES):
            files = folder.files_under(name) if is_folder[name] else [name]
            if (taken := next((path for path in files if not is_temporary(path)), None)) is None:
                continue
            raise RunFolderError(
                f"--output {folder.url}: holds {taken}, which no run of babelsift wrote there, and a run would write "
                "such names; choose another folder"
            )
