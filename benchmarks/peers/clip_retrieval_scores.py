"""Runs in clip-retrieval's environment: STAGING CHECKPOINT BATCH -> one line of JSON, seconds of its inference."""

import json
import os
import sys
import tarfile
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from clip_retrieval.clip_inference import worker
from clip_retrieval.clip_inference.main import main as clip_inference

times = []


class Mapper(worker.ClipMapper):
    """Its own, which says when the model is loaded."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        times.append(time.perf_counter())


class Writer(worker.NumpyWriter):
    """Its own, which says when everything is written: the logger ends seconds later."""

    def flush(self) -> None:
        super().flush()
        times.append(time.perf_counter())


def share_out(staging: str, folder: str, workers: int) -> None:
    """Writes a tar for each of its workers: it fails where there are fewer."""
    with ExitStack() as stack:
        parts = [stack.enter_context(tarfile.open(f"{folder}/{number}.tar", "w")) for number in range(workers)]
        for tar in sorted(Path(staging).glob("*.tar")):
            with tarfile.open(tar) as members:
                for member in members:
                    number = int(Path(member.name).stem)
                    parts[number % workers].addfile(member, members.extractfile(member))


def main(staging: str, checkpoint: str, batch: str) -> None:
    worker.ClipMapper, worker.NumpyWriter = Mapper, Writer
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as output, tempfile.TemporaryDirectory() as shared_out:
        share_out(staging, shared_out, workers)
        clip_inference(
            input_dataset=f"{shared_out}/{{0..{workers - 1}}}.tar",
            output_folder=output,
            input_format="webdataset",
            batch_size=int(batch),
            num_prepro_workers=workers,
            clip_model=f"open_clip:ViT-B-32/{checkpoint}",
            output_partition_count=1,
        )
    began, ended = times
    print("\n" + json.dumps({"seconds": ended - began}), flush=True)  # what its threads print may have no end of line


if __name__ == "__main__":
    main(*sys.argv[1:])
