"""`babelsift remove`: takes pairs and images out of a run folder on request, and keeps them out."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from babelsift.pipelines.cli.folder_command import add_folder_command, print_found
from babelsift.schemas import InputError, public_url

if TYPE_CHECKING:
    from babelsift.pipelines.removal.remove import Removal

_LISTS = {
    "urls": "URLs, one a line, or a parquet, csv or tsv file with a column url; http or https, the host's case, "
    "fragments and tracking parameters make no difference, escapes in path and host do",
    "domains": "domains, one a line: with all below each",
    "uids": "uids, one a line, or what `babelsift subset` writes",
    "hashes": "MD5, SHA-1 or SHA-256 of images, hex, one a line: of the bytes as served, or as stored",
}


def add_remove(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    remove = add_folder_command(
        commands,
        "remove",
        _remove,
        help="take pairs and images out of a run folder on request, and keep them out of later runs",
        examples=(
            "babelsift remove out/mine --domains asked.txt --dry-run",
            "babelsift remove out/mine --domains asked.txt",
        ),
        description="Removes what the lists name from shards, ledger, report and staging, with all copies of equal "
        "pixels, and keeps digests of it so that no later run on the folder brings it back. Interrupted, the same "
        "command goes on; without a list, an unfinished removal is finished.",
    )
    for name, about in _LISTS.items():
        remove.add_argument(f"--{name}", metavar="FILE", help=about)
    remove.add_argument("--dry-run", action="store_true", help="say how much would go, and change nothing")


def _remove(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.removal.remove import remove
    from babelsift.pipelines.removal.requests import read_request

    files = {name: getattr(known, name) for name in _LISTS if getattr(known, name) is not None}
    if known.dry_run and not files:
        raise InputError("--dry-run: give a list: --urls FILE, --domains FILE, --uids FILE or --hashes FILE")
    requests = [read_request(name, path) for name, path in files.items()]
    removal = remove(known.output, requests, dry_run=known.dry_run)
    return print_found(known, removal.to_json(), "\n".join(_lines(removal, public_url(known.output))))


def _lines(removal: Removal, output: str) -> list[str]:
    lines = [
        f"{name}: {counts['named']} of {counts['entries']} entries name something in the folder"
        + ("" if counts["named"] == counts["entries"] or not removal.is_done else "; the others are kept out, too")
        for name, counts in removal.lists.items()
    ]
    what = "removed" if removal.is_done else "would remove"
    lines.append(
        f"{what} {removal.pairs} pairs of {removal.urls} URLs; in the shards {removal.texts} texts and "
        f"{removal.samples} whole samples"
    )
    if removal.number is not None:
        lines.append(f"{output}: removal {removal.number} is done; copies outside the folder are not reached")
    return lines
