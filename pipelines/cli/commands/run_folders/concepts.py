"""`babelsift concepts`: what balancing did to the concepts of a finished run."""

from __future__ import annotations

import argparse

from babelsift.pipelines.cli.folder_command import add_folder_command, print_found


def add_concepts(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    concepts = add_folder_command(
        commands,
        "concepts",
        _concepts,
        help="show the concepts of a finished run before and after balancing, and its neglected tail",
        examples=("babelsift concepts out/mine",),
        description="Shows how many pairs the metadata entries have, before and after balancing, and names those of "
        "the head and of the tail.",
    )
    concepts.add_argument(
        "--fewer-than", type=int, default=10, metavar="K", help="the tail: fewer pairs than K (default: 10)"
    )
    concepts.add_argument("--most", type=int, default=10, metavar="N", help="concepts named of each (default: 10)")
    concepts.add_argument("--language", metavar="CODE", help="one language's list alone")


def _concepts(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.inspection.concepts import concepts_of, format_concepts

    lists = concepts_of(known.output, fewer_than=known.fewer_than, most=max(known.most, 0), language=known.language)
    return print_found(known, lists, format_concepts(lists))
