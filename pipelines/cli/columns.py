"""Options that say which columns of the input are the pair."""

from __future__ import annotations

import argparse

from babelsift.pipelines.inputs.columns import parse_columns
from babelsift.schemas import InputError


def add_column_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options to a command's parser."""
    parser.add_argument(
        "--columns",
        metavar="url=NAME|N,caption=NAME|N",
        help="columns of the pair, by name or number from 1 on (default: URL, url, ..., TEXT, caption, ... as found)",
    )
    parser.add_argument("--url-col", metavar="NAME", help="the same, of the URLs alone")
    parser.add_argument("--caption-col", metavar="NAME", help="the same, of the captions alone")


def chosen_columns(known: argparse.Namespace) -> dict[str, str | None]:
    """Returns {"url_column", "caption_column"} as the options say; None: by the names in each file.

    Raises:
        InputError: the options say it twice, or not as they are written.
    """
    chosen = {"url_column": known.url_col, "caption_column": known.caption_col}
    if known.columns is None:
        return chosen
    if known.url_col or known.caption_col:
        raise InputError("--columns says which columns are the pair; leave out --url-col and --caption-col")
    choice = parse_columns(known.columns)
    return {"url_column": choice.url, "caption_column": choice.caption}
