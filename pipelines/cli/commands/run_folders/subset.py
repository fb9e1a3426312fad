"""`babelsift subset`: the uids of the shards' pairs for DataComp's resharder."""

from __future__ import annotations

import argparse

from babelsift.pipelines.cli.folder_command import add_json_option, print_found
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import public_url


def add_subset(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    subset = commands.add_parser(
        "subset",
        help="write the uids of the shards' pairs as a subset file for DataComp's resharder",
        examples=("babelsift subset out/mine kept.npy",),
        description="Writes a sorted .npy of 128-bit uids, which DataComp's resharder.py takes as --subset-file.",
    )
    subset.add_argument("output", metavar="OUT", help="run folder")
    subset.add_argument("file", metavar="FILE", help="the .npy to write, local or any fsspec URL")
    subset.add_argument(
        "--column",
        default="uid",
        metavar="NAME",
        help="column of 32 hex digits: babelsift's uid, or input_uid where the input was DataComp's own metadata "
        "(default: %(default)s)",
    )
    subset.add_argument(
        "--images", action="store_true", help="one uid an image, of its chosen text; default: the uids of all texts"
    )
    add_json_option(subset)
    subset.set_defaults(run=_subset)


def _subset(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.inspection.subset import write_subset

    uids = write_subset(RunFolder(known.output), known.file, column=known.column, images=known.images)
    file = public_url(known.file)
    return print_found(known, {"uids": uids, "file": file}, f"{uids} uids in {file}")
