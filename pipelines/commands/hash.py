"""`babelsift hash`: the hashes of an evaluation set."""

from __future__ import annotations

import argparse


def add_hash(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    hashes = commands.add_parser(
        "hash",
        help="write the hashes of an evaluation set's images, to decontaminate against",
        description="Hashes images so that `decontaminate: {against: [eval.parquet]}` needs them no more.",
        allow_abbrev=False,
    )
    hashes.add_argument("images", nargs="+", metavar="IMAGES", help="images, folders, globs, webdataset shards (.tar)")
    hashes.add_argument("--output", required=True, metavar="FILE", help="parquet to write, local or any fsspec URL")
    hashes.set_defaults(run=_hash)


def _hash(known: argparse.Namespace, _: list[str]) -> int:
    from pipelines.evaluation_images import write_hashes

    print(f"{write_hashes(known.images, known.output)} images hashed into {known.output}")
    return 0
