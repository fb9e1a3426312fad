"""`babelsift push`: a finished run as a data set of the Hugging Face hub."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from babelsift.pipelines.cli.folder_command import add_folder_command, print_found


def add_push(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    push = add_folder_command(
        commands,
        "push",
        _push,
        help="upload a finished run to the Hugging Face hub",
        examples=("babelsift push out/mine hf://datasets/my-org/mine --private",),
        description="Uploads the product of a finished run, with its card, report and ledger, but nothing of staging. "
        "The same command goes on where another was cut short. Needs the extra hf, and a token that may write (`hf "
        "auth login`, or HF_TOKEN).",
    )
    push.add_argument("target", metavar="hf://datasets/ORG/NAME", help="the data set; made where it is not there")
    push.add_argument("--private", action="store_true", help="of a data set that is made")


def _push(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.inspection.push import push
    from babelsift.pipelines.rendering.number_format import size_text

    pushed = push(known.output, known.target, private=known.private)
    text = f"{pushed.files} files, {size_text(pushed.size_bytes)}: {pushed.repository}"
    return print_found(known, asdict(pushed), text)
