"""Runs in clip-retrieval's environment: STAGING CHECKPOINT BATCH -> one line of JSON, seconds of its inference."""

import json
import os
import sys
import tempfile
import time
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


def main(staging: str, checkpoint: str, batch: str) -> None:
    worker.ClipMapper, worker.NumpyWriter = Mapper, Writer
    last = max(Path(staging).glob("*.tar")).stem
    with tempfile.TemporaryDirectory() as output:
        clip_inference(
            input_dataset=f"{staging}/{{00000..{last}}}.tar",
            output_folder=output,
            input_format="webdataset",
            batch_size=int(batch),
            num_prepro_workers=os.cpu_count(),
            clip_model=f"open_clip:ViT-B-32/{checkpoint}",
            output_partition_count=1,
        )
    began, ended = times
    print(json.dumps({"seconds": ended - began}))


if __name__ == "__main__":
    main(*sys.argv[1:])
