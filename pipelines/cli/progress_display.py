"""Shows how far a run is: a live display on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

from babelsift.pipelines.cli.metrics_file import metrics_written
from babelsift.pipelines.core.tally import current_tally
from babelsift.pipelines.run_folder.progress.view import ProgressView, ProgressWatch

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions
    from rich.console import RenderableType

Poll = Callable[[], Sequence[Mapping[str, Any]]]

_LINE_EVERY_S = 10.0
_DISPLAY_EVERY_S = 1.0
_JOIN_S = 2.0


def is_live(known: argparse.Namespace) -> bool:
    """Whether progress is drawn on a terminal, and not told in lines."""
    if getattr(known, "log_format", "text") == "json" or os.environ.get("TERM") == "dumb" or sys.stderr is None:
        return False
    return sys.stderr.isatty()


@contextlib.contextmanager
def progress_shown(known: argparse.Namespace, poll: Poll, *, line_every_s: float = _LINE_EVERY_S) -> Iterator[None]:
    """Shows progress on standard error while its block runs, nothing with --quiet; writes --metrics-file if asked for.

    Args:
        known: the command's options.
        poll: what the run's processes have counted until now.
        line_every_s: seconds between two lines, where there is no terminal.
    """
    with metrics_written(getattr(known, "metrics_file", None), poll), _shown(known, poll, line_every_s):
        yield


@contextlib.contextmanager
def _shown(known: argparse.Namespace, poll: Poll, line_every_s: float) -> Iterator[None]:
    if getattr(known, "quiet", False):
        yield
        return
    current_tally().is_shown = True
    ended = threading.Event()
    show = partial(_show_live, poll, ended) if is_live(known) else partial(_show_lines, poll, ended, line_every_s)
    thread = threading.Thread(target=show, name="progress-display", daemon=True)
    thread.start()
    try:
        yield
    finally:
        current_tally().is_shown = False
        ended.set()
        thread.join(_JOIN_S)


def run_shown(known: argparse.Namespace, options: PipelineOptions) -> AbstractContextManager[None]:
    """Shows how far the run is that its block starts.

    Args:
        known: the command's options, `output` among them.
        options: Beam's: what workers elsewhere count is read from the run folder.
    """
    from babelsift.pipelines.core.runners.run_job import runs_in_this_process
    from babelsift.pipelines.run_folder.folder import RunFolder
    from babelsift.pipelines.run_folder.progress.files import of_this_process, read_progress

    is_local, folder = runs_in_this_process(options), RunFolder(known.output)

    def poll() -> Sequence[Mapping[str, Any]]:
        here = of_this_process(current_tally().to_json())
        workers = [] if is_local else [process for process in read_progress(folder) if not process["is_driver"]]
        return [here, *workers]

    return progress_shown(known, poll)


def _show_lines(poll: Poll, ended: threading.Event, every_s: float) -> None:
    watch = ProgressWatch()
    watch.view(poll())
    while not ended.wait(every_s):
        log_view(watch.view(poll()))


def log_view(view: ProgressView) -> None:
    """Logs how far a run is; its facts go along for what writes JSON."""
    logging.info("progress: %s", view, extra={"progress": view.to_json()})


def _show_live(poll: Poll, ended: threading.Event) -> None:
    from rich.console import Console
    from rich.live import Live

    watch = ProgressWatch()
    console = Console(stderr=True)
    live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)
    with live:
        console.show_cursor()  # Live hides it, and a second Ctrl-C ends the process where nobody would bring it back
        while True:
            live.update(_drawn(watch.view(poll())), refresh=True)
            if ended.wait(_DISPLAY_EVERY_S):
                return


def _drawn(view: ProgressView) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid()
    grid.add_row(Text(view.stage_text(), style="bold", overflow="ellipsis", no_wrap=True))
    grid.add_row(ProgressBar(total=1.0, completed=view.share or 0.0, pulse=view.share is None, width=60))
    for text in filter(None, (view.download_text(), f"{view.memory_text()}; {view.elapsed_text()}")):
        grid.add_row(Text(text, style="dim", overflow="fold"))
    return grid
