"""`babelsift papers`: what is to be published of a run's data."""

from __future__ import annotations

import argparse

from babelsift.pipelines.cli.folder_command import add_folder_command, print_found
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import path_beside


def add_papers(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    papers = add_folder_command(
        commands,
        "papers",
        _papers,
        help="write the papers that a publication of a run's data needs",
        examples=("babelsift papers out/mine --to papers",),
        description="Writes the European Union's public summary of training content, as far as a run knows it "
        "(training_summary.md), and the table of its domains (domains.csv). The dataset card and croissant.json are in "
        "OUT already.",
    )
    papers.add_argument("--to", metavar="DIR", help="folder to write to; default: OUT-papers beside the run")
    papers.add_argument(
        "--small-provider", action="store_true", help="name as few domains as an SME has to: 5 %% of them, or 1 000"
    )


def _papers(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.inspection.finished import open_run
    from babelsift.pipelines.inspection.papers import write_papers

    run = open_run(known.output)
    to = RunFolder(known.to or path_beside(known.output, "-papers"))
    paths = write_papers(run, to, is_small_provider=known.small_provider)
    return print_found(known, {"papers": paths}, "\n".join(paths))
