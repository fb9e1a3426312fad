"""`babelsift watch`: how far a run is, from anywhere that sees its folder."""

from __future__ import annotations

import argparse
import time

from babelsift.pipelines.cli.folder_command import add_folder_command, print_json
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import RunFolderError, public_url


def add_watch(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    watch = add_folder_command(
        commands,
        "watch",
        _watch,
        help="show how far a run is, from anywhere that sees its folder",
        description="Shows the stage a run is at, rows, rates, downloads and memory until it ends; of a run that has "
        "ended, how long each stage took. Changes nothing.",
    )
    watch.add_argument("--once", action="store_true", help="look once")
    watch.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="default: %(default)s")


def _watch(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.cli.progress_display import log_view, progress_shown
    from babelsift.pipelines.run_folder.progress.files import RUNNING, read_progress
    from babelsift.pipelines.run_folder.progress.view import ProgressWatch, stage_timings

    folder = RunFolder(known.output)
    processes = read_progress(folder)
    if not processes:
        raise RunFolderError(f"{public_url(known.output)}: no run has told how far it is; is it the --output of a run?")
    if processes[0].get("state") == RUNNING and not known.once and not known.json:
        latest = [processes]
        with progress_shown(known, lambda: latest[0]):
            while latest[0][0].get("state") == RUNNING:
                time.sleep(max(known.every, 0.1))
                latest[0] = read_progress(folder) or latest[0]
        processes = latest[0]
    view, timings = ProgressWatch().view(processes), stage_timings(processes)
    if known.json:
        print_json({**view.to_json(), "stage_timings": timings})
    elif view.state == RUNNING:
        log_view(view)
    else:
        print(format_timings(view.state, view.seconds, timings))
    return 0


def format_timings(state: str, seconds: float, timings: list[dict]) -> str:
    """Returns how long stages took as text for a terminal."""
    lines = [f"{'stage':26}{'began':>9}{'took':>9}{'rows':>12}{'rows/s':>10}"]
    for stage in timings:
        rate = "" if stage["rows_per_s"] is None else f"{stage['rows_per_s']:,.0f}"
        lines.append(
            f"{stage['stage']:26}{stage['began_s']:8.0f}s{stage['seconds']:8.0f}s{stage['in_rows']:12,}{rate:>10}"
        )
    return "\n".join([*lines, f"{state} after {seconds:.0f} s"])
