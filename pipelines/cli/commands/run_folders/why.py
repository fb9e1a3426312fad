"""`babelsift why`: what became of one pair."""

from __future__ import annotations

import argparse

from babelsift.pipelines.cli.folder_command import add_json_option, print_json


def add_why(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    why = commands.add_parser(
        "why",
        help="print what became of one pair",
        description="Says where in the shards a pair is, or at which stage and for what value it was left out, and "
        "what became of its image's other texts. The report and the explorer show uids by their first digits.",
        examples=("babelsift why out/mine 23f071e9", "babelsift why out/mine https://example.org/cat.jpg"),
    )
    why.add_argument("output", metavar="OUT", help="run folder")
    why.add_argument("pair", metavar="UID_OR_URL", help="a uid, or the first of its digits; or a URL")
    add_json_option(why)
    why.set_defaults(run=_why)


def _why(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.inspection.why import fates_of, find_fates

    if known.json:
        print_json([fate.to_json() for fate in find_fates(known.output, known.pair)])
        return 0
    for fate in fates_of(known.output, known.pair):
        print(fate)
    return 0
