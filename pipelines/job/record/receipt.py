"""A finished run's receipt: what its product was made from, and every file as it was then.

The same command on the same input finds by it that there is nothing to do: a listing of the folder tells whether a file
has changed since. Only stores whose listings tell contents apart have receipts; a disk's files are read again.
"""

from __future__ import annotations

import glob
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from typing import Any

from babelsift.pipelines.job.plan import RunPlan
from babelsift.pipelines.job.record.facts import facts_of
from babelsift.pipelines.job.record.versions import required_versions
from babelsift.pipelines.run_folder.fingerprints import input_files, stage_settings
from babelsift.pipelines.run_folder.finished_run import read_funnel
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.progress.files import PROGRESS_FOLDER, TIMINGS
from babelsift.pipelines.run_folder.writers.lock import LEASE
from babelsift.pipelines.storage.errors import storage_failures
from babelsift.schemas import BabelsiftError, Funnel, RunFolderError, public_url

RECEIPT = "staging/finished.json"
_OF_ONE_RUN = (RECEIPT, LEASE, TIMINGS, f"{PROGRESS_FOLDER}/")
# Groups of a recipe's settings whose texts are names of no files.
_WITHOUT_FILES = ("name", "description", "download", "requires", "omits")


def finished_before(plan: RunPlan) -> Funnel | None:
    """Returns the account of the run that has made what a plan would make; None where there is something to do.

    Raises:
        BabelsiftError: the store does not answer, or the input cannot be looked at.
    """
    if plan.retry.wants_any or plan.force:
        return None
    with storage_failures(RunFolderError, f"cannot read {plan.folder.path('')}"):
        receipt = plan.folder.read_commit_mark(RECEIPT)
        if receipt is None or (origin := origin_of(plan)) is None or receipt.get("made_from") != origin:
            return None
        if receipt.get("files") != _digest_of_files(plan.folder):
            return None
        funnel = read_funnel(plan.folder)
    if funnel is not None:
        logging.info("run folder: %s holds what this run would make: nothing to do", public_url(plan.folder.url))
    return funnel


def write_receipt(folder: RunFolder, made_from: str | None) -> None:
    """Writes down that a folder's product is finished; a run that is done does not fail for it.

    Args:
        made_from: as `origin_of` says it.
    """
    if made_from is None:
        return
    try:
        folder.write_json(RECEIPT, {"made_from": made_from, "files": _digest_of_files(folder)})
    except (OSError, BabelsiftError) as error:
        logging.debug("receipt: %s", error)


def origin_of(plan: RunPlan) -> str | None:
    """Returns a digest of all that decides what a run makes; None where that cannot be told.

    A store's listing must tell contents apart; what is read beside the input must be files on this machine.
    """
    if plan.source is None or plan.source.holds_images or plan.imported is not None or plan.until is not None:
        return None
    if plan.distributor is not None or plan.folder.is_local:
        return None
    files = [
        path
        for name, value in plan.recipe.model_dump().items()
        if name not in _WITHOUT_FILES
        for path in _named_files(value)
    ]
    if any("://" in path or os.path.isdir(path) for path in files):
        return None  # another store's, or an earlier dataset's folder: what is in it may have changed
    inputs = input_files(file.path for file in plan.source.files)
    if not all(version and version[1] for version in inputs.values()):
        return None  # as of a web server that says no more than a size
    files += [file.path for file in plan.source.files if os.path.isfile(file.path)]
    content = {
        "stages": stage_settings(plan.recipe, inputs),
        "recipe": plan.recipe.model_dump(mode="json"),  # what shapes no stage, too: the report and the card say it
        "versions": required_versions(),
        "facts": facts_of(plan, plan.source, {}),
        "models": dict(plan.models.fingerprints),
        "files": {path: _version_on_disk(path) for path in files},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _named_files(value: Any) -> Iterator[str]:
    """Yields what the texts in a recipe's value name, or may: files, those of a glob, folders, URLs."""
    if isinstance(value, str):
        if "://" in value or os.path.exists(value):
            yield value
        elif glob.has_magic(value):
            yield from sorted(glob.glob(value, recursive=True))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _named_files(inner)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            yield from _named_files(inner)


def _version_on_disk(path: str) -> list[int]:
    status = os.stat(path)
    # The last of them no copy with the same times sets back.
    return [status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns]


def _digest_of_files(folder: RunFolder) -> str | None:
    versions = folder.store.versions("")
    if versions is None:
        return None
    lasting = {path: version for path, version in versions.items() if not path.startswith(_OF_ONE_RUN)}
    return hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()
