"""What became of one pair: where it is in the shards, or when and why it was left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import FUNNEL, REJECTS
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.schemas import RunFolderError


def fates_of(output: str, uid_or_url: str) -> Iterator[str]:
    """Yields a line for each row of the input that was that pair: a URL may have had several captions.

    Raises: RunFolderError: the folder is no complete run, or the pair was not in its input.
    """
    folder = RunFolder(output)
    if not folder.exists(FUNNEL):
        raise RunFolderError(f"{output}: no complete run is there ({FUNNEL} is missing); run `babelsift curate` first")
    column = "uid" if re.fullmatch(r"[0-9a-f]{32}", uid_or_url) else "url"
    found = False
    parquets = [f"{split.folder}/{name}" for split in SPLITS.values() for name in folder.list(split.folder, ".parquet")]
    for path in parquets:
        for row in _matching(folder, path, column, uid_or_url):
            found = True
            scores = [f"{key} {row[key]:.4f}" for key in row if key.startswith("similarity_") and row[key] is not None]
            where = f"{path.removesuffix('.parquet')}.tar, key {row['key']}"
            yield f"kept: {where} ({', '.join([row['language'], *scores])})\n  {_pair(row)}"
    for name in folder.list(REJECTS, ".parquet"):
        for row in _matching(folder, f"{REJECTS}/{name}", column, uid_or_url):
            found = True
            value = f", found {row['value']}" if row["value"] is not None else ""
            threshold = f", asked for {row['threshold']}" if row["threshold"] is not None else ""
            yield f"left out at {row['stage']}: {row['reason']}{value}{threshold}\n  {_pair(row)}"
    if not found:
        raise RunFolderError(f"{output}: no pair with {column} {uid_or_url} was in the input; check its spelling")


def _matching(folder: RunFolder, path: str, column: str, wanted: str) -> list[dict]:
    with folder.open(path) as file:
        table = pq.read_table(file, filters=pc.field(column) == wanted)
    return table.to_pylist()


def _pair(row: dict) -> str:
    read = f"row {row['source_row']} of {row['source_file']}"
    return f"uid {row['uid']}  url {row['url']}  caption {row['caption']!r}  {read}"
