"""`babelsift concepts`: what balancing did to the concepts of a finished run."""

from __future__ import annotations

import argparse
import json


def add_concepts(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    concepts = commands.add_parser(
        "concepts",
        help="show the concepts of a finished run before and after balancing, and its neglected tail",
        description="Shows how many pairs the metadata entries have, before and after balancing, and names those of "
        "the head and of the tail.",
        allow_abbrev=False,
    )
    concepts.add_argument("output", metavar="OUT", help="run folder")
    concepts.add_argument(
        "--fewer-than", type=int, default=10, metavar="K", help="the tail: fewer pairs than K (default: 10)"
    )
    concepts.add_argument("--most", type=int, default=10, metavar="N", help="concepts named of each (default: 10)")
    concepts.add_argument("--language", metavar="CODE", help="one language's list alone")
    concepts.add_argument("--json", action="store_true", help="for programs")
    concepts.set_defaults(run=_concepts)


def _concepts(known: argparse.Namespace, _: list[str]) -> int:
    from pipelines.concepts import concepts_of, format_concepts

    found = concepts_of(known.output, fewer_than=known.fewer_than, most=max(known.most, 0), language=known.language)
    print(
        json.dumps(found, ensure_ascii=False) if known.json else format_concepts(found), end="\n" if known.json else ""
    )
    return 0
