"""`babelsift ngrams`: the most frequent n-grams of an input's captions."""

from __future__ import annotations

import argparse

from babelsift.pipelines.cli.beam_options import beam_options

_ALIGN_MOST = 100_000_000


def add_ngrams(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    ngrams = commands.add_parser(
        "ngrams",
        help="write the most frequent n-grams of all captions, for a recipe's captions.vocabulary.file",
        description="Counts the unigrams and bigrams of all captions and writes the most frequent, one a line, its "
        "count after a tab: a recipe takes the file as captions.vocabulary.file.",
        epilog="Any Apache Beam option may follow, as for `babelsift curate`.",
    )
    ngrams.add_argument(
        "--input", required=True, nargs="+", action="extend", metavar="GLOB", help="tables, as for `babelsift curate`"
    )
    ngrams.add_argument("--output", required=True, metavar="FILE", help="the file to write; .gz compresses")
    ngrams.add_argument("--most", type=int, default=_ALIGN_MOST, help="how many (default: ALIGN's %(default)s)")
    ngrams.add_argument("--caption-col", metavar="NAME", help="column of the captions (default: TEXT, caption, ...)")
    ngrams.set_defaults(run=_ngrams, takes_beam_options=True, parser=ngrams)


def _ngrams(known: argparse.Namespace, beam_words: list[str]) -> int:
    from babelsift.pipelines.job.frequent_ngrams import write_frequent_ngrams

    options, columns = beam_options(known, beam_words), {"caption_column": known.caption_col}
    write_frequent_ngrams(known.input, known.output, most=known.most, **columns, options=options)
    return 0
