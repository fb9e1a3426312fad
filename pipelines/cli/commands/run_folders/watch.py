"""`babelsift watch`: how far a run is, from anywhere that sees its folder."""

from __future__ import annotations

import argparse
import time
from typing import Any

from babelsift.pipelines.cli.folder_command import add_folder_command, add_metrics_option, print_json
from babelsift.pipelines.cli.text_table import terminal_width
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import RunFolderError, public_url

_SILENT_S = 60.0
_WIDE_TIMINGS = 66  # columns
Processes = list[dict[str, Any]]


def add_watch(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    watch = add_folder_command(
        commands,
        "watch",
        _watch,
        help="show how far a run is, from anywhere that sees its folder",
        examples=("babelsift watch s3://bucket/run1", "babelsift watch out/mine --json"),
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
        print(format_timings(view.state, view.seconds, timings, terminal_width()))
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


def format_timings(state: str, seconds: float, timings: list[dict], width: int | None = None) -> str:
    """Returns how long stages took as text; a terminal of fewer than 66 columns is spared the beginnings and rates."""
    is_narrow = width is not None and width < _WIDE_TIMINGS
    lines = [_timing("stage", ("began", "took", "rows", "rows/s"), is_narrow=is_narrow)]
    for stage in timings:
        rate = "" if stage["rows_per_s"] is None else f"{stage['rows_per_s']:,.0f}"
        cells = (f"{stage['began_s']:.0f}s", f"{stage['seconds']:.0f}s", f"{stage['in_rows']:,}", rate)
        lines.append(_timing(stage["stage"], cells, is_narrow=is_narrow))
    return "\n".join([*lines, f"{state} after {seconds:.0f} s"])


def _timing(name: str, cells: tuple[str, str, str, str], *, is_narrow: bool) -> str:
    began, took, rows, rate = cells
    return f"{name:24}{took:>6}{rows:>10}" if is_narrow else f"{name:26}{began:>9}{took:>9}{rows:>12}{rate:>10}"
