"""The list of URLs that another downloader takes: the pairs that came through the rules, in a run that ended there."""

from __future__ import annotations

import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import FUNNEL, UNTIL_FOLDER, URL_LIST_FOLDER
from babelsift.schemas import RunFolderError, Stage

_COLUMNS = ["url", "caption", "uid"]
_SOURCE = f"{UNTIL_FOLDER}/{Stage.DEDUP_PAIRS.value}"


def write_url_list(folder: RunFolder) -> int:
    """Writes OUT/urls/NNNNN.parquet with the columns url, caption and uid; returns their rows.

    Raises:
        RunFolderError: no run into the folder ended after the stage that comes before downloading.
    """
    if not folder.exists(_SOURCE, FUNNEL):
        stage = Stage.DEDUP_PAIRS.value
        raise RunFolderError(f"{folder.url}: nothing to list; run `babelsift curate --until {stage}` into it first")
    for name in folder.list(URL_LIST_FOLDER, ".parquet"):
        folder.remove(f"{URL_LIST_FOLDER}/{name}")
    rows = 0
    for name in folder.list(_SOURCE, ".parquet"):
        with folder.open(_SOURCE, name) as file:
            table = pq.read_table(file, columns=_COLUMNS)
        with folder.writing(f"{URL_LIST_FOLDER}/{name}") as file:
            pq.write_table(table, file, compression="zstd")
        rows += len(table)
    return rows
