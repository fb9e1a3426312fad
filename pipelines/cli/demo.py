"""`babelsift demo`: a small web, curated offline and compared with the truth."""

from __future__ import annotations

import argparse

from babelsift.pipelines.cli.beam_options import beam_options


def add_demo(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    demo = commands.add_parser(
        "demo",
        help="curate a small web drawn for the purpose, offline, and compare with the truth",
        description="Serves a small multilingual web on loopback, with everything that is wrong with the web, curates "
        "it, and prints the funnel beside the truth.",
        allow_abbrev=False,
    )
    demo.add_argument("--output", default="out/demo", metavar="DIR", help="run folder (default: %(default)s)")
    demo.add_argument("--pairs", type=int, default=3000, help="pairs in the demo web (default: %(default)s)")
    demo.add_argument("--seed", type=int, default=0, help="of the demo web (default: %(default)s)")
    demo.set_defaults(run=_demo)


def _demo(known: argparse.Namespace, beam_arguments: list[str]) -> int:
    from babelsift.pipelines.demo.command import run_demo

    return run_demo(known.output, pairs=known.pairs, seed=known.seed, options=beam_options(beam_arguments))
