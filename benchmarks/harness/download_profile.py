"""Where the download stage's CPU time goes: run by itself, each part timed by its own thread's clock."""

from __future__ import annotations

import functools
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq

from babelsift.filters.image import process
from babelsift.pipelines.staging.shards import StagingWriter
from benchmarks.harness.download_sides import download
from benchmarks.harness.own_process import cpu_seconds, started_here

PARTS = ("fetch", "header", "decode", "resize", "encode", "hash", "write", "rest")
_PARTS_BY_NAME = {
    "read_header": "header",
    "decode_for": "decode",
    "resize_image": "resize",
    "encode_image": "encode",
    "hash_pixels": "hash",
}


def profile(table: str, output: str, threads: int) -> dict[str, float]:
    """Downloads a table's pairs and returns the CPU time of each part, ms an image.

    `fetch` is all of the process that fetches, its start included; `rest` is Beam, the rows, what is between the parts.
    """
    spent: Counter[str] = Counter()
    lock = threading.Lock()

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **options: Any) -> Any:
            started = time.thread_time()
            try:
                return function(*args, **options)
            finally:
                with lock:
                    spent[part] += time.thread_time() - started

        return wrapper

    for name, part in _PARTS_BY_NAME.items():
        setattr(process, name, timed(part, getattr(process, name)))
    StagingWriter.add = timed("write", StagingWriter.add)
    StagingWriter.commit = timed("write", StagingWriter.commit)
    started = time.process_time()
    download(table, output, threads)
    spent["rest"] = time.process_time() - started - sum(spent.values())
    spent["fetch"] = sum(map(cpu_seconds, started_here()))
    images = pq.read_metadata(table).num_rows
    return {part: spent[part] / images * 1000 for part in PARTS}


if __name__ == "__main__":
    print(json.dumps(profile(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
