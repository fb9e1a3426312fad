"""Where the download stage's CPU time goes: run by itself, each part timed by its own thread's clock."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from babelsift.pipelines.staging.shards import StagingWriter
from benchmarks.harness.download_sides import download
from benchmarks.harness.own_process import command_line, cpu_seconds, started_here
from benchmarks.harness.timed_processing import FOLDER, process_timed, timed

PARTS = ("fetch", "header", "decode", "check", "resize", "encode", "hash", "pass_on", "write", "rest")
_HOST, _FETCHER = "decoding.host", "fetch_process"


def profile(table: str, output: str, threads: int) -> dict[str, float]:
    """Downloads a table's pairs and returns the CPU time of each part, ms an image.

    `fetch` is all of the process that fetches, its start included; `pass_on` is what decoders take beside their parts,
    and the start of their host; `rest` is Beam, the rows, what is between the parts.
    """
    written: Counter[str] = Counter()
    StagingWriter.add = timed("write", StagingWriter.add, written)
    StagingWriter.commit = timed("write", StagingWriter.commit, written)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER] = folder
        started = time.process_time()
        download(table, output, threads, process=process_timed)
        own = time.process_time() - started
        spent = sum((Counter(json.loads(file.read_text())) for file in Path(folder).iterdir()), Counter())
    in_decoders = spent.pop("all")
    spent["check"] -= spent["decode"]
    spent["pass_on"] = in_decoders - sum(spent.values())
    for process in started_here():
        if _HOST in command_line(process):
            spent["pass_on"] += cpu_seconds(process)
        elif _FETCHER in command_line(process):
            spent["fetch"] = cpu_seconds(process)
    spent["write"] = written["write"]
    spent["rest"] = own - written["write"]
    images = pq.read_metadata(table).num_rows
    return {part: spent[part] / images * 1000 for part in PARTS}


if __name__ == "__main__":
    print(json.dumps(profile(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
