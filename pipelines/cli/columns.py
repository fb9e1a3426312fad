"""Options that say which columns of the input are the pair."""

from __future__ import annotations

import argparse

from babelsift.pipelines.inputs.columns import ColumnChoice, parse_columns
from babelsift.schemas import InputError


def add_column_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options to a command's parser."""
    parser.add_argument(
        "--columns",
        metavar="url=NAME|N,caption=NAME|N[+...]",
        help="columns of the pair, by name or number from 1 on (default: URL, url, ..., TEXT, caption, ... as found); "
        "caption=A+B: a pair of each text; A/B: the first that is not empty; language=NAME: the texts' language; "
        "license=NAME: the images' licences",
    )
    parser.add_argument("--url-col", metavar="NAME", help="the same, of the URLs alone")
    parser.add_argument("--caption-col", metavar="NAME", help="the same, of the captions alone")


def chosen_columns(known: argparse.Namespace) -> ColumnChoice | None:
    """Returns the columns that the options name; None: as the recipe says.

    Raises:
        InputError: the options say it twice, or not as they are written.
    """
    if known.columns is None:
        if not (known.url_col or known.caption_col):
            return None
        return ColumnChoice(known.url_col, known.caption_col, option="--url-col")
    if known.url_col or known.caption_col:
        raise InputError("--columns says which columns are the pair; leave out --url-col and --caption-col")
    return parse_columns(known.columns)
