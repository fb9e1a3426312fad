"""`babelsift watch`: how far a run is, from anywhere that sees its folder."""

from __future__ import annotations

import argparse
import time
from typing import Any

from babelsift.pipelines.cli.folder_command import add_folder_command, add_metrics_option, print_json
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import RunFolderError, public_url

_SILENT_S = 60.0
Processes = list[dict[str, Any]]


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
    add_metrics_option(watch)
    watch.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="default: %(default)s")


def _watch(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.run_folder.progress.files import RUNNING, read_progress
    from babelsift.pipelines.run_folder.progress.view import ProgressWatch, duration_text, stage_timings

    folder = RunFolder(known.output)
    processes = read_progress(folder)
    if not processes:
        raise RunFolderError(f"{public_url(known.output)}: no run has told how far it is; is it the --output of a run?")
    if not known.once and not known.json:
        processes = _watch_until_ended(known, folder, processes)
    view, timings = ProgressWatch().view(processes), stage_timings(processes)
    if known.json:
        print_json({**view.to_json(), "stage_timings": timings})
    elif view.state == RUNNING:
        print(f"{view}; told {duration_text(max(time.time() - processes[0]['at'], 0.0))} ago")
    else:
        print(format_timings(view.state, view.seconds, timings))
    return 0


def _watch_until_ended(known: argparse.Namespace, folder: RunFolder, processes: Processes) -> Processes:
    """Shows a run until it has ended, or nothing has been heard of it for a minute: then it was killed."""
    from babelsift.pipelines.cli.progress_display import progress_shown
    from babelsift.pipelines.run_folder.progress.files import RUNNING, read_progress

    latest, heard = processes, time.monotonic()
    with progress_shown(known, lambda: latest):
        while latest[0]["state"] == RUNNING and time.monotonic() - heard < _SILENT_S:
            time.sleep(max(known.every, 0.1))
            told = read_progress(folder) or latest
            heard = heard if told[0]["at"] == latest[0]["at"] else time.monotonic()
            latest = told
    return latest


def format_timings(state: str, seconds: float, timings: list[dict]) -> str:
    """Returns how long stages took as text for a terminal."""
    lines = [f"{'stage':26}{'began':>9}{'took':>9}{'rows':>12}{'rows/s':>10}"]
    for stage in timings:
        rate = "" if stage["rows_per_s"] is None else f"{stage['rows_per_s']:,.0f}"
        lines.append(
            f"{stage['stage']:26}{stage['began_s']:8.0f}s{stage['seconds']:8.0f}s{stage['in_rows']:12,}{rate:>10}"
        )
    return "\n".join([*lines, f"{state} after {seconds:.0f} s"])
