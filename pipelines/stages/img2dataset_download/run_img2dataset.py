"""Running img2dataset on a run folder's lists until each of their shards is finished."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from babelsift.pipelines.processes.child import start_child
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import IMG2DATASET_IMAGES
from babelsift.pipelines.stages.img2dataset_download.process import WORKER_DIED
from babelsift.pipelines.staging.img2dataset.listed_urls import URLS, unfinished_shards
from babelsift.pipelines.staging.layout import LISTED_URL
from babelsift.schemas import RunnerError, one_line

# As `python -m`, by which img2dataset's own processes find the module again; but not with the working folder's modules.
_START = """
import json, runpy, sys
sys.path[:] = json.loads(sys.argv[1])
runpy.run_module(sys.argv[2], run_name="__main__", alter_sys=True)
"""
_MODULE = "babelsift.pipelines.stages.img2dataset_download.process"
_PROGRESS = "total "  # how the lines of img2dataset begin that count all of its processes
_LINES_KEPT = 40
_TRIES = 3


def run_img2dataset(
    folder: RunFolder, options: Mapping[str, Any], *, samples_per_shard: int, distributor: str = "multiprocessing"
) -> None:
    """Has img2dataset download what is listed; returns when every shard of the lists is finished.

    Args:
        folder: the run folder.
        options: img2dataset's, of how an image is fetched and stored.
        samples_per_shard: of the lists' rows; the same in every run.
        distributor: one of img2dataset's. `multiprocessing` runs in a process of its own, the others in this one, so
            that they find the session that was begun here.

    Raises:
        RunnerError: it failed, or left shards unfinished.
    """
    left, shards = unfinished_shards(folder, samples_per_shard)
    if not left:
        return
    logging.info("download: img2dataset: %d shards to make of %d", left, shards)
    everything = {
        **options,
        "url_list": _place(folder, URLS),
        "input_format": "parquet",
        "url_col": "url",
        "save_additional_columns": [LISTED_URL],
        "output_format": "webdataset",
        "output_folder": _place(folder, IMG2DATASET_IMAGES),
        "number_sample_per_shard": samples_per_shard,
        "processes_count": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "distributor": distributor,
    }
    if distributor == "multiprocessing":
        _in_own_processes(everything)
    else:
        _in_this_process(everything)
    left, shards = unfinished_shards(folder, samples_per_shard)
    if left:
        raise RunnerError(f"img2dataset left {left} of {shards} shards unfinished; the same command goes on with them")


def _place(folder: RunFolder, path: str) -> str:
    url = f"{folder.url.rstrip('/')}/{path}"
    return str(Path(folder.path(path)).absolute()) if folder.is_local else url


def _in_this_process(options: Mapping[str, Any]) -> None:
    from babelsift.pipelines.stages.img2dataset_download.process import download

    try:
        download(options)
    except Exception as error:
        raise RunnerError(f"img2dataset failed: {one_line(error)}; the same command goes on from there") from error


def _in_own_processes(options: Mapping[str, Any]) -> None:
    """Runs img2dataset in a process of its own, and in another one where one of its workers died."""
    for _ in range(_TRIES):
        if _in_own_process(options) != WORKER_DIED:
            return
        logging.warning("download: a process of img2dataset died; it begins again with its unfinished shards")
    raise RunnerError(
        f"img2dataset failed: {_TRIES} times one of its processes died, perhaps for want of memory; the same command "
        "goes on from there"
    )


def _in_own_process(options: Mapping[str, Any]) -> int:
    """Returns the exit status: 0, or WORKER_DIED."""
    command = [sys.executable, "-c", _START, json.dumps(sys.path), _MODULE, str(os.getpid())]
    process = start_child(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    last: deque[str] = deque(maxlen=_LINES_KEPT)
    try:
        process.stdin.write(json.dumps(dict(options)).encode())
        process.stdin.close()
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace").strip()
            last.append(line)
            logging.log(logging.INFO if line.startswith(_PROGRESS) else logging.DEBUG, "img2dataset: %s", line)
        status = process.wait()
    except BaseException:
        process.kill()  # its own processes end with it
        process.wait()
        raise
    if status not in (0, WORKER_DIED):
        said = next((line for line in reversed(last) if line), f"it ended with {status}")
        raise RunnerError(f"img2dataset failed: {said}; the same command goes on from there")
    return status
