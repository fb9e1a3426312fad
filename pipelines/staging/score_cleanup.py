"""What killed runs leave of scores that they were storing, see `staging.score_store`; removed as a run begins."""

from __future__ import annotations

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.score_store import EMBEDDINGS, SCORES_FOLDER


def remove_orphans(folder: RunFolder) -> None:
    """Removes embeddings that a killed run left without their metadata, and files under temporary names.

    Readers of clip-retrieval's layout pair the files of the folders in their order. Not while another run writes here.
    """
    for model in folder.folders(SCORES_FOLDER):
        root = f"{SCORES_FOLDER}/{model}"
        heads = [f"heads/{head}" for head in folder.folders(f"{root}/heads")]
        folder.remove_leftovers(
            root, *(f"{root}/{name}" for name in ["metadata", "metadata_only", *EMBEDDINGS, *heads])
        )
        stored = {_part_of(name) for name in folder.list(f"{root}/metadata", ".parquet")}
        for kind in [*EMBEDDINGS, *heads]:
            for name in folder.list(f"{root}/{kind}", ".npy"):
                if _part_of(name) not in stored:
                    folder.remove(f"{root}/{kind}/{name}")


def _part_of(file: str) -> str:
    """The shard and part in a file's name: `00012_0000`."""
    return "_".join(file.split(".")[0].rsplit("_", 2)[1:])
