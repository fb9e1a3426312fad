"""What became of one pair: where it is in the shards, or when and why it was left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import FUNNEL, REJECTS
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.schemas import RunFolderError, public_url

_UID_DIGITS = 32
_UID = re.compile(rf"[0-9a-f]{{4,{_UID_DIGITS}}}", re.IGNORECASE)
_UIDS_NAMED = 3


def fates_of(output: str, uid_or_url: str) -> list[str]:
    """Returns a text for each input row with that uid or URL: a URL may have several captions.

    Args:
        output: the run folder.
        uid_or_url: a uid, or its first digits where no other pair's uid begins with them; or a URL.

    Raises:
        RunFolderError: the folder is no complete run, the pair was not in its input, or several pairs' uids begin so.
    """
    folder = RunFolder(output)
    if not folder.exists(FUNNEL):
        shown_folder = public_url(output)
        raise RunFolderError(
            f"{shown_folder}: no complete run is there ({FUNNEL} is missing); run `babelsift curate` first"
        )
    column, condition = "url", pc.field("url") == uid_or_url
    if _UID.fullmatch(uid_or_url):
        column, condition = "uid", pc.starts_with(pc.field("uid"), uid_or_url.lower())
    kept = [
        (f"{split.folder}/{name}", row)
        for split in SPLITS.values()
        for name in folder.list(split.folder, ".parquet")
        for row in _matching_rows(folder, f"{split.folder}/{name}", condition)
    ]
    ledger = [f"{REJECTS}/{name}" for name in folder.list(REJECTS, ".parquet")]
    rejected = [row for path in ledger for row in _matching_rows(folder, path, condition)]
    uids = sorted({row["uid"] for row in (*(row for _, row in kept), *rejected)} - {None})
    if not kept and not rejected:
        raise RunFolderError(
            f"{public_url(output)}: no pair with {column} {uid_or_url} was in the input; check its spelling"
        )
    if column == "uid" and len(uids) > 1:
        named = ", ".join(uids[:_UIDS_NAMED]) + (", ..." if len(uids) > _UIDS_NAMED else "")
        raise RunFolderError(f"{len(uids)} pairs have a uid that begins with {uid_or_url}: {named}; give more digits")
    return [*(_kept_text(path, row) for path, row in kept), *map(_rejected_text, rejected)]


def _kept_text(path: str, row: dict) -> str:
    scores = [f"{key} {row[key]:.4f}" for key in row if key.startswith("similarity_") and row[key] is not None]
    location = f"{path.removesuffix('.parquet')}.tar, key {row['key']}"
    return f"kept: {location} ({', '.join([row['language'], *scores])})\n  {_pair(row)}"


def _rejected_text(row: dict) -> str:
    value = f", found {row['value']}" if row["value"] is not None else ""
    threshold = f", asked for {row['threshold']}" if row["threshold"] is not None else ""
    return f"left out at {row['stage']}: {row['reason']}{value}{threshold}\n  {_pair(row)}"


def _matching_rows(folder: RunFolder, path: str, condition: pc.Expression) -> Iterator[dict]:
    with folder.open(path) as file:
        yield from pq.read_table(file, filters=condition).to_pylist()


def _pair(row: dict) -> str:
    read = f"row {row['source_row']} of {row['source_file']}"
    return f"uid {row['uid']}  url {row['url']}  caption {row['caption']!r}  {read}"
