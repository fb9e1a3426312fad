"""A folder becomes a run folder only where nothing in it has a name that a run would write."""

from __future__ import annotations

import json

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import FORMAT, read_manifest
from babelsift.pipelines.run_folder.paths import MANIFEST
from babelsift.pipelines.run_folder.product import PRODUCT_FOLDERS, SINGLE_FILES
from babelsift.pipelines.run_folder.store import is_temporary
from babelsift.schemas import RunFolderError

_NAMES = sorted({path.split("/")[0] for path in (*SINGLE_FILES, *PRODUCT_FOLDERS, "staging")})


def claim_folder(folder: RunFolder) -> None:
    """Makes a folder a run folder, if it is none yet; to be called while no other run can work in it.

    Raises:
        RunFolderError: see `check_claimable`.
    """
    check_claimable(folder)
    if not folder.exists(MANIFEST):
        folder.write(MANIFEST, (json.dumps({"format": FORMAT, "partitions": None}, indent=1) + "\n").encode())


def check_claimable(folder: RunFolder) -> None:
    """Looks whether a run may write in a folder: an earlier run did, or nothing there has a name that a run writes.

    What a run leaves that was killed before it wrote anything whole does not count: its lock, temporary names.

    Raises:
        RunFolderError: it holds such a name; or its manifest is damaged, or a newer version's.
    """
    if folder.exists(MANIFEST):
        read_manifest(folder)
        return
    is_folder = {entry.name: entry.is_folder for entry in folder.store.list("")}
    for name in filter(is_folder.__contains__, _NAMES):
        files = folder.files_under(name) if is_folder[name] else [name]
        if taken := next((path for path in files if not is_temporary(path)), None):
            raise RunFolderError(
                f"--output {folder.url}: holds {taken}, which no run of babelsift wrote there, and a run would write "
                "such names; choose another folder"
            )
