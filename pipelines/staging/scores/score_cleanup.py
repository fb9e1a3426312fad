"""What killed runs leave of scores that they were storing, see `staging.score_store`; removed as a run begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.scores.embedding_checksums import EMBEDDINGS
from babelsift.pipelines.staging.scores.score_store import SCORES_FOLDER

# A stored file's kind, and the shard and number of its buffer: `img_emb_00012_0000.npy`. Other names are not ours.
_STORED = re.compile(r"(?:img_emb|text_emb|head|metadata)_([0-9]{5,}_[0-9]{4,})\.(?:npy|parquet)")


def remove_orphans(folder: RunFolder) -> None:
    """Removes embeddings that a killed run left without their metadata.

    Readers of clip-retrieval's layout pair the files of the folders in their order. Not while another run writes here.
    """
    for model in folder.folders(SCORES_FOLDER):
        root = f"{SCORES_FOLDER}/{model}"
        heads = [f"heads/{head}" for head in folder.folders(f"{root}/heads")]
        committed = {number for _, number in _stored_files(folder.list(f"{root}/metadata", ".parquet"))}
        for kind in [*EMBEDDINGS, *heads]:
            for name, number in _stored_files(folder.list(f"{root}/{kind}", ".npy")):
                if number not in committed:
                    folder.remove(f"{root}/{kind}/{name}")


def _stored_files(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields (name, shard and number) of the names that are a score store's."""
    for name in names:
        if (stored := _STORED.fullmatch(name)) is not None:
            yield name, stored[1]
