"""`babelsift urls`: the list of URLs that a cluster's img2dataset downloads."""

from __future__ import annotations

import argparse

from babelsift.pipelines.cli.folder_command import add_json_option, print_found
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import public_url


def add_urls(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    urls = commands.add_parser(
        "urls",
        help="write the URLs that passed the rules as a list for img2dataset",
        examples=("babelsift urls out/mine",),
        description="Writes OUT/urls/*.parquet (url, caption, uid) of what `curate --until dedup_pairs` left; "
        "what img2dataset makes of it, `babelsift curate --staging` takes.",
    )
    urls.add_argument("output", metavar="OUT", help="run folder")
    add_json_option(urls)
    urls.set_defaults(run=_urls)


def _urls(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.inspection.url_list import write_url_list
    from babelsift.pipelines.run_folder.paths import URL_LIST_FOLDER

    rows = write_url_list(RunFolder(known.output))
    folder = f"{public_url(known.output).rstrip('/')}/{URL_LIST_FOLDER}"
    lines = (
        f"{rows} pairs in {folder}",
        f"img2dataset --url_list {folder} --input_format parquet --url_col url --caption_col caption "
        "--save_additional_columns '[\"uid\"]' --output_format webdataset --output_folder DIR",
        f"babelsift curate --recipe RECIPE --input INPUT --output {public_url(known.output)} --staging DIR",
    )
    return print_found(known, {"pairs": rows, "folder": folder}, "\n".join(lines))
