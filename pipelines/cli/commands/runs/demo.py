"""`babelsift demo`: a small web, curated offline and compared with the truth; and the commands behind it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from pathlib import Path

from babelsift.pipelines.cli.beam_options import beam_options
from babelsift.pipelines.cli.folder_command import add_metrics_option
from babelsift.pipelines.cli.text_table import terminal_width
from babelsift.pipelines.run_folder.paths import REPORT_PAGE
from babelsift.schemas import public_url

_AUC_WANTED = 0.97


def add_demo(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    demo = commands.add_parser(
        "demo",
        help="curate a small web drawn for the purpose, offline, and compare with the truth",
        description="Serves a small multilingual web on loopback, with everything that is wrong with the web, curates "
        "it, and prints the funnel beside the truth.",
    )
    demo.add_argument("--output", default="out/demo", metavar="DIR", help="run folder (default: %(default)s)")
    demo.add_argument("--pairs", type=_pairs, default=3000, help="pairs in the demo web (default: %(default)s)")
    demo.add_argument("--seed", type=int, default=0, help="of the demo web (default: %(default)s)")
    demo.add_argument(
        "--source",
        choices=("table", "warc", "wat"),
        default="table",
        help="what is curated: a table of the pairs, the pages that show them as a crawler stores them, or the links "
        "of these; warc and wat need the extra crawl (default: %(default)s)",
    )
    add_metrics_option(demo)
    demo.set_defaults(run=_demo, takes_beam_options=True, parser=demo)


def add_demo_web(commands: argparse._SubParsersAction) -> None:
    """Adds the command that serves the demo's web; the help does not list it."""
    web = commands.add_parser("demo-web", description="Serves the demo's web until stdin closes.")
    web.add_argument("--seed", type=int, default=0)
    web.add_argument("--pairs", type=_pairs, default=3000)
    web.add_argument("--port", type=int, default=0)
    web.set_defaults(run=_demo_web)


def add_demo_model(commands: argparse._SubParsersAction) -> None:
    """Adds the command that trains the demo's CLIP; the help does not list it."""
    model = commands.add_parser("demo-model", description="Trains and tests the demo's CLIP.")
    model.add_argument("--output", type=Path, help="folder (default: where the demo's model lies)")
    model.add_argument("--steps", type=int, default=1200)
    model.add_argument("--batch-size", type=int, default=112)
    model.add_argument("--learning-rate", type=float, default=2e-3)
    model.add_argument("--scenes", type=int, default=12_000)
    model.add_argument("--held-out", type=int, default=1700, help="pairs to test it on")
    model.add_argument("--seed", type=int, default=0)
    model.set_defaults(run=_demo_model)


def _pairs(word: str) -> int:
    from babelsift.pipelines.demo.web import MIN_PAIRS

    if not word.isdecimal() or int(word) < MIN_PAIRS:
        raise argparse.ArgumentTypeError(f"{word!r} is no number of at least {MIN_PAIRS}, one of each kind of pair")
    return int(word)


def _demo(known: argparse.Namespace, beam_words: list[str]) -> int:
    from babelsift.pipelines.cli.progress_display import run_shown
    from babelsift.pipelines.demo.curate_demo import curate_demo
    from babelsift.pipelines.recipes.presets import load_recipe
    from babelsift.pipelines.rendering import format_funnel

    options, started = beam_options(known, beam_words), time.monotonic()
    with run_shown(known, options):
        result = curate_demo(known.output, pairs=known.pairs, seed=known.seed, source=known.source, options=options)
    print(f"\nWhat became of the pairs\n\n{format_funnel(result.funnel, load_recipe('demo'), terminal_width())}")
    print(f"\nBeside the truth\n\n{result.beside_truth}")
    spent_s = time.monotonic() - started
    print(f"\n{known.pairs} pairs in {spent_s:.0f} s. The scores are a demo model's, good for the demo only.")
    print(f"Open the report: {public_url(known.output)}/{REPORT_PAGE}")
    return 0


def _demo_web(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.demo.server import serve_until_stdin_closes
    from babelsift.pipelines.demo.web import build_web

    with contextlib.suppress(KeyboardInterrupt):
        web = build_web(known.seed, known.pairs)
        asyncio.run(serve_until_stdin_closes(web, known.port, lambda port: print(port, flush=True)))
    return 0


def _demo_model(known: argparse.Namespace, _: list[str]) -> int:
    import torch

    from babelsift.pipelines import demo
    from babelsift.pipelines.demo.clip_auc import auc, format_auc, held_out_pairs
    from babelsift.pipelines.demo.train_clip import make_training_set, save, train

    torch.set_num_threads(1)  # the tensors are so small that threads wait for each other more than they work
    folder = known.output or Path(demo.__path__[0]) / "clip"
    scenes = make_training_set(known.seed, known.scenes, captions_per_scene=8)
    rates = {"batch_size": known.batch_size, "learning_rate": known.learning_rate}
    save(train(scenes, steps=known.steps, seed=known.seed, **rates), folder)
    scores = held_out_pairs(folder, seed=known.seed + 1, pairs=known.held_out)
    print(format_auc(scores))
    return 0 if auc(scores.matched, scores.mismatched) >= _AUC_WANTED else 1
