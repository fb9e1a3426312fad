"""A run that tells how far it is, and in the end how long each stage took."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from babelsift.pipelines.core.tally import Tally, begin_tally
from babelsift.pipelines.job.plan import RunPlan, runs_through
from babelsift.pipelines.run_folder.progress.files import TIMINGS, ProgressFile, of_this_process, read_progress
from babelsift.pipelines.run_folder.progress.view import account_in_time
from babelsift.schemas import OPTIONAL_STAGES, STAGE_ORDER, BabelsiftError


@contextlib.contextmanager
def run_told(plan: RunPlan) -> Iterator[None]:
    """Writes how far the run is into its folder while its block runs, and then what its stages took.

    Args:
        plan: with the folder as the run writes to it.
    """
    tally = begin_tally()
    stages = [stage for stage in STAGE_ORDER if stage not in OPTIONAL_STAGES and runs_through(stage, plan.until)]
    tally.plan["stages"] = [stage.value for stage in stages]
    with ProgressFile(plan.folder, tally.to_json):
        yield
    _write_timings(plan, tally)


def _write_timings(plan: RunPlan, tally: Tally) -> None:
    """Writes the account in time; a run that is done does not fail for it."""
    driver = of_this_process(tally.to_json())
    try:
        workers = [process for process in read_progress(plan.folder) if not process["is_driver"]]
        content = account_in_time([driver, *workers])
        plan.folder.write_json(TIMINGS, content)
    except (OSError, BabelsiftError) as error:
        logging.debug("timings: %s", error)
