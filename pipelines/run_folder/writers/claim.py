"""A folder becomes a run folder only where nothing in it has a name that a run would write."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace

from babelsift.pipelines.run_folder.fence import Fence, read_fence
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import FORMAT, read_manifest
from babelsift.pipelines.run_folder.paths import MANIFEST, REMOVALS, UNTIL_FOLDER, URL_LIST_FOLDER
from babelsift.pipelines.run_folder.product import PRODUCT_FOLDERS, SINGLE_FILES
from babelsift.pipelines.storage.errors import storage_failures
from babelsift.pipelines.storage.store import is_temporary
from babelsift.schemas import RunFolderError

_ATTEMPTS = 3
_FOLDERS = {*PRODUCT_FOLDERS, "staging", REMOVALS, *(path.split("/")[0] for path in SINGLE_FILES if "/" in path)}
_SWEPT = sorted({*_FOLDERS, UNTIL_FOLDER, URL_LIST_FOLDER})  # where killed writers may have left half a file
_NAMES = sorted({*_FOLDERS, *(path for path in SINGLE_FILES if "/" not in path)})


def claim_folder(folder: RunFolder, run: str, *, wait: Callable[[float], object] = time.sleep) -> RunFolder:
    """Makes a folder a run folder, if it is none yet, and begins a run in it: no earlier one can commit any more.

    Args:
        folder: locked by this run.
        run: the run's token; see `RunLock.token`.
        wait: sleeps so many seconds.

    Returns:
        The folder as this run writes to it, until another begins. What killed writers left in it is gone.
    Raises:
        RunFolderError: see `check_claimable`; or it cannot be written.
    """
    check_claimable(folder)
    for _ in range(_ATTEMPTS):
        content = folder.read_json(MANIFEST) or {"format": FORMAT, "partitions": None}
        fence = Fence(content.get("epoch", 0) + 1, run)
        folder.write_json(MANIFEST, asdict(fence) | content | asdict(fence))
        if fence.epoch > 1:  # what an earlier run was allowed just before is there before anything is read
            wait(folder.store.settles_s)
        with storage_failures(RunFolderError, f"--output {folder.url}: what a killed run left cannot be removed"):
            folder.store.sweep(_SWEPT)
        if read_fence(folder.store) == fence:  # and not of a writer that was about to commit its own manifest
            return replace(folder, fence=fence)
    raise RunFolderError(f"{folder.url}: another run begins here at the same time; wait for it, then run again")


def check_claimable(folder: RunFolder) -> None:
    """Looks whether a run may write in a folder: an earlier run did, or nothing there has a name that a run writes.

    What a run leaves that was killed before it wrote anything whole does not count: its lock, temporary names.

    Raises:
        RunFolderError: it holds such a name; or its manifest is damaged, or a newer version's.
    """
    with storage_failures(RunFolderError, f"--output {folder.url}: cannot be read"):
        if read_manifest(folder) is not None:
            return
        is_folder = {entry.name: entry.is_folder for entry in folder.store.list("")}
        if MANIFEST in is_folder:  # a run began here and came no further
            return
        for name in filter(is_folder.__contains__, _NAMES):
            files = folder.files_under(name) if is_folder[name] else [name]
            if (taken := next((path for path in files if not is_temporary(path)), None)) is None:
                continue
            raise RunFolderError(
                f"--output {folder.url}: holds {taken}, which no run of babelsift wrote there, and a run would write "
                "such names; choose another folder"
            )
