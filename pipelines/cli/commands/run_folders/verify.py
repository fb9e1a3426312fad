"""`babelsift verify`: whether the web still has what a run took from it, and still permits it."""

from __future__ import annotations

import argparse
import logging
import posixpath
import time
from typing import TYPE_CHECKING, Any

from babelsift.pipelines.cli.command_parser import UsageError
from babelsift.pipelines.cli.exit_status import INTERRUPTED, RUN_FAILED, say_error
from babelsift.pipelines.cli.folder_command import add_folder_command, print_found
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import public_url
from babelsift.schemas.suggestions import did_you_mean

if TYPE_CHECKING:
    from babelsift.pipelines.inspection.verification import Sample, Tally, Verdict

_EVERY_S = 10.0
_SAMPLE = 1000


def add_verify(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    verify = add_folder_command(
        commands,
        "verify",
        _verify,
        help="ask whether URLs of a run still answer with the same pixels, and whether their sites have opted out",
        examples=(
            "babelsift verify out/mine --sample 500",
            "babelsift verify out/mine --all --write gone.csv --of gone,opted_out",
        ),
        description="Asks for the URLs of a finished run's pairs again, politely and as safely as a download, and says "
        "of how many the pixels are the same, another image came, the URL is gone or out of reach, or the site or the "
        "image says in any form by now that it is not for training, whatever the recipe heard. Nothing is written into "
        "OUT.",
    )
    how_many = verify.add_mutually_exclusive_group()
    how_many.add_argument(
        "--sample", type=_count, default=_SAMPLE, metavar="N", help=f"pairs, drawn by uid and seed ({_SAMPLE})"
    )
    how_many.add_argument("--all", action="store_true", help="all pairs")
    verify.add_argument("--seed", type=int, default=0, metavar="N", help="of the draw (0)")
    verify.add_argument("--by-host", action="store_true", help="a table of hosts, too")
    verify.add_argument(
        "--write", metavar="FILE.csv", help="write uid, outcome, reason and detail there, for `babelsift remove --uids`"
    )
    verify.add_argument(
        "--of",
        default="opted_out",
        metavar="OUTCOMES",
        help="which pairs --write has, comma between: same, changed, gone, unreachable, opted_out (opted_out)",
    )


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of pairs; give 1 or more, or --all")
    return int(text)


def _verify(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.inspection.finished import open_run
    from babelsift.pipelines.inspection.verification import Tally, draw_pairs, hearing_everything, verify_pairs

    outcomes = _outcomes(known.of)
    _check_file(known)
    run = open_run(known.output)
    sample = draw_pairs(run, most=None if known.all else known.sample, seed=known.seed)
    tally, written, is_whole = Tally(), [], True
    said_at = time.monotonic()
    try:
        for verdict in verify_pairs(sample.pairs, hearing_everything(run.recipe.download)):
            tally.add(verdict)
            if verdict.outcome.value in outcomes:
                written.append(verdict)
            if time.monotonic() - said_at >= _EVERY_S:
                said_at = time.monotonic()
                logging.info("verify: %s of %s pairs", f"{tally.pairs:,}", f"{len(sample.pairs):,}")
    except KeyboardInterrupt:
        is_whole = False
    if known.write is not None and is_whole:
        _write(known.write, written)
    print_found(known, _for_programs(known, sample, tally), _text(known, sample, tally))
    if not is_whole:
        unwritten = "" if known.write is None else f"; {known.write} was not written"
        say_error(f"interrupted: the table is of {tally.pairs} pairs{unwritten}", INTERRUPTED, [])
        return INTERRUPTED
    if tally.is_cut_off:
        say_error("verify: no URL could be reached: is there a network here?", RUN_FAILED, [])
        return RUN_FAILED
    return 0


def _outcomes(text: str) -> frozenset[str]:
    from babelsift.pipelines.inspection.verification import OUTCOMES

    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in OUTCOMES:
            raise UsageError(
                f"--of: no outcome {name!r}; {did_you_mean(name, OUTCOMES, otherwise=', '.join(OUTCOMES))}"
            )
    return frozenset(names)


def _check_file(known: argparse.Namespace) -> None:
    if known.write is None:
        return
    out = RunFolder(known.output).path("").rstrip("/") + "/"
    if not known.write.endswith(".csv"):
        raise UsageError(f"--write {known.write}: `babelsift remove` knows a table by its name; end it in .csv")
    if RunFolder(posixpath.dirname(known.write) or ".").path(posixpath.basename(known.write)).startswith(out):
        raise UsageError(f"--write {known.write}: lies in the run folder, which stays as it is; name another place")


def _write(path: str, verdicts: list[Verdict]) -> None:
    from babelsift.pipelines.inspection.verification import as_csv

    RunFolder(posixpath.dirname(path) or ".").write(posixpath.basename(path), as_csv(verdicts))
    logging.info("verify: %s pairs in %s", f"{len(verdicts):,}", public_url(path))


def _for_programs(known: argparse.Namespace, sample: Sample, tally: Tally) -> dict[str, Any]:
    drawn = {"seed": known.seed, "drawn": len(sample.pairs), "of": sample.of, "without_url": sample.without_url}
    return {**drawn, **tally.to_json()}


def _text(known: argparse.Namespace, sample: Sample, tally: Tally) -> str:
    drawn = "" if known.all else f", drawn by uid and seed {known.seed}"
    lines = [f"{tally.pairs:,} of {sample.of:,} pairs{drawn}", "", tally.table()]
    if known.by_host:
        lines += ["", tally.table_by_host()]
    if sample.without_url:
        lines += ["", f"{sample.without_url:,} more pairs have no URL on the web: the input brought their images"]
    return "\n".join(lines)
