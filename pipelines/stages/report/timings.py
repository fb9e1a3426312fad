"""How long each stage took and what it moved, as far as the run has come when its report is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from babelsift.pipelines.core.tally import current_tally
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.progress.files import of_this_process, read_progress
from babelsift.pipelines.run_folder.progress.view import account_in_time
from babelsift.schemas import BabelsiftError, Stage


def timings_so_far(folder: RunFolder, shards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns a run's account in time as funnel.json has it: what `account_in_time` says, and bytes a stage.

    Args:
        folder: the run folder, in which workers elsewhere tell what they have counted.
        shards: that were written.
    """
    account = account_in_time(_processes(folder))
    moved = {
        Stage.DOWNLOAD.value: account["download_bytes"],
        Stage.SHARD.value: sum(shard["bytes"] for shard in shards),
    }
    stages = [
        stage | {"bytes": moved[stage["stage"]]} if stage["stage"] in moved else stage for stage in account["stages"]
    ]
    return account | {"stages": stages}


def _processes(folder: RunFolder) -> list[dict[str, Any]]:
    """Returns what each process has counted, the driver's first: this one, where the run has no workers elsewhere."""
    try:
        written = read_progress(folder)
    except (OSError, BabelsiftError):
        written = []
    here = current_tally().to_json()
    if not here["plan"]:  # a worker, who tells by a file
        return written
    return [of_this_process(here), *(process for process in written if not process["is_driver"])]
