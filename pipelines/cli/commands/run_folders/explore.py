"""`babelsift explore`: a page that shows all pairs of finished runs."""

from __future__ import annotations

import argparse
import webbrowser
from typing import TYPE_CHECKING

from babelsift.pipelines.cli.exit_status import say
from babelsift.pipelines.run_folder.paths import path_beside
from babelsift.schemas import InputError

if TYPE_CHECKING:
    from babelsift.pipelines.explorer.session import Session


def add_explore(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    explore = commands.add_parser(
        "explore",
        help="look at all pairs of finished runs in the browser",
        examples=("babelsift explore out/mine --open", "babelsift explore s3://bucket/run2 s3://bucket/run1"),
        description="Serves a page on this machine that shows every pair, kept and left out, with its image: filter, "
        "search, move thresholds, label, export; two runs side by side. It changes no run; labels go into a file of "
        "their own. Needs the extra explore. Ctrl-C ends it.",
    )
    explore.add_argument("output", metavar="OUT", help="run folder")
    explore.add_argument("others", nargs="*", default=[], metavar="OTHER", help="run folders to compare with")
    explore.add_argument("--port", type=int, default=0, help="default: the first free one from 8420 on")
    explore.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="listen on another address than loopback; the address that is printed then has a token, without which "
        "nothing is answered",
    )
    explore.add_argument("--labels", metavar="FILE", help="CSV of labels; default: OUT-labels.csv beside the run")
    explore.add_argument("--open", action="store_true", help="open the page in the browser")
    explore.set_defaults(run=_explore)


def _explore(known: argparse.Namespace, _: list[str]) -> int:
    try:
        from babelsift.pipelines.explorer.serve import Address, serve
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("starlette", "uvicorn"):
            raise
        raise InputError(f"explore needs {missing}; pip install 'babelsift[explore]'") from error

    def ready(url: str, session: Session) -> None:
        pairs = ", ".join(f"{run.name} ({len(run.table):,} pairs)" for run in session.runs)
        say(f"babelsift: {pairs}; labels go into {session.labels.path}; Ctrl-C ends it")
        print(url, flush=True)
        if known.open:
            webbrowser.open(url)

    address = Address(known.host, known.port)
    labels = known.labels or path_beside(known.output, "-labels.csv")
    serve([known.output, *known.others], address, labels, ready=ready)
    return 0
