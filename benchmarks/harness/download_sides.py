"""The two sides of the download benchmark: one table, one server, each side a process of its own, bounded in time."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.filters.image import process_image
from babelsift.filters.uids import compute_uids
from babelsift.pipelines.core.stage_outputs import REJECTED
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.download.download_images import DownloadImages
from babelsift.pipelines.stages.download.worker import ProcessImage
from babelsift.schemas import LANGUAGE_SCHEMA
from babelsift.schemas.recipe import DownloadSettings
from benchmarks.peers.environments import run_peer
from benchmarks.workloads.photo_web import photo_url, served_cpu_seconds

# img2dataset starts a process anew, with all of its imports, after five shards, which at its usual 10 000 images a
# shard is next to nothing: with so many shards two processes or more need not.
_SHARDS = 8
_SMALLEST_SHARD = 50
_LIMIT_S = 60.0  # beside what the web grants an image: starting a side, which for img2dataset takes 20 s of CPU time


@dataclass(frozen=True)
class SideRun:
    """One run of one side: images a second, without its start and with it; cores of the server; ms of CPU an image."""

    pace: float
    pace_with_start: float
    server_cores: float
    cpu_msec: float


def timed(base_url: str, side: Callable[[str], None], home: str, images: int) -> SideRun:
    """Runs a side, which is given its output folder.

    Raises:
        AssertionError: it did not store every image.
    """
    with tempfile.TemporaryDirectory(dir=home) as output:
        served, used, started = served_cpu_seconds(base_url), _children_cpu_seconds(), time.perf_counter()
        side(f"{output}/out")
        seconds, used = time.perf_counter() - started, _children_cpu_seconds() - used
        served = served_cpu_seconds(base_url) - served
        stats = [json.loads(file.read_text()) for file in Path(output).rglob("*_stats.json")]
    stored = sum(shard["successes"] for shard in stats)
    if stored != images:
        raise AssertionError(
            f"{stored} of {images} images were stored: {[shard['status_dict'] for shard in stats][:3]}"
        )
    span = max(shard["end_time"] for shard in stats) - min(shard["start_time"] for shard in stats)
    return SideRun(images / span, images / seconds, served / seconds, used / images * 1000)


def _children_cpu_seconds() -> float:
    """What processes have used that were started here, or by them, and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_table(base_url: str, images: int, home: str) -> str:
    """Writes a table of that many URLs and captions into a folder and returns its path."""
    path = f"{home}/{images}.parquet"
    urls = [photo_url(base_url, number) for number in range(images)]
    pq.write_table(
        pa.table({"url": urls, "caption": [f"photograph number {number}" for number in range(images)]}), path
    )
    return path


def run_img2dataset(counts: tuple[int, int], table: str, images: int, output: str, *, image_s: float) -> None:
    """Lets img2dataset download a table with so many processes and threads.

    Args:
        image_s: seconds granted an image; its pool can wait for a lost worker for ever.

    Raises:
        PeerError: it failed, or was ended for taking longer.
    """
    processes, threads = counts
    options = {
        "url_list": table,
        "output_folder": output,
        "processes_count": processes,
        "thread_count": threads,
        "input_format": "parquet",
        "output_format": "webdataset",
        "url_col": "url",
        "caption_col": "caption",
        "number_sample_per_shard": _shard_samples(images),
        "resize_mode": "keep_ratio",
        "resize_only_if_bigger": True,
        "image_size": 256,
        "retries": 2,
    }
    file = Path(f"{output}-options.json")
    file.write_text(json.dumps(options))
    run_peer("img2dataset", "img2dataset_run.py", str(file), limit_s=_LIMIT_S + images * image_s)


def run_ours(table: str, images: int, output: str, *, threads: int, image_s: float) -> None:
    """Downloads a table by `DownloadImages`, in a process of its own."""
    code = f"from benchmarks.harness.download_sides import download; download({table!r}, {output!r}, {threads})"
    finished([sys.executable, "-c", code], limit_s=_LIMIT_S + images * image_s)


def finished(command: list[str], *, limit_s: float) -> str:
    """Returns what a command printed.

    Raises:
        RuntimeError: it failed.
        subprocess.TimeoutExpired: it was ended for taking longer.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
    if done.returncode:
        raise RuntimeError(f"our side failed: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout


def _shard_samples(images: int) -> int:
    return max(_SMALLEST_SHARD, -(-images // _SHARDS))


def download(
    table: str, output: str, threads: int, samples: int | None = None, process: ProcessImage = process_image
) -> None:
    """Downloads a table's pairs into a run folder by `DownloadImages`.

    Args:
        table: a parquet file.
        output: the run folder.
        threads: URLs in flight at once.
        samples: of a staging shard.
        process: as of `DownloadImages`.
    """
    batch = _pairs(table)
    samples = samples or _shard_samples(len(batch))
    settings = DownloadSettings(
        image_size=256,
        resize_mode="keep_ratio",
        allow_addresses=("127.0.0.0/8",),
        ports=None,
        thread_count=threads,
        samples_per_staging_shard=samples,
    )
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        pairs = pipeline | beam.Create([batch], reshuffle=False).with_output_types(pa.RecordBatch)
        partitions = max(1, len(batch) // (2 * samples))
        outputs = pairs | DownloadImages(RunFolder(output), settings, partitions, process=process)
        _ = outputs.kept | "DropKept" >> beam.FlatMap(lambda batch: ())
        _ = outputs[REJECTED] | "DropRejected" >> beam.FlatMap(lambda batch: ())


def _pairs(table: str) -> pa.RecordBatch:
    pairs = pq.read_table(table).combine_chunks()
    urls, captions = (pairs.column(name).combine_chunks() for name in ("url", "caption"))
    rows = len(pairs)
    columns = {
        "uid": compute_uids(urls, captions),
        "url": urls,
        "caption": captions,
        "source_file": pa.array([table] * rows),
        "source_row": pa.array(range(rows)),
        "language": pa.array(["en"] * rows),
        "language_score": pa.array([1.0] * rows),
    }
    arrays = [columns[field.name].cast(field.type) for field in LANGUAGE_SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=LANGUAGE_SCHEMA)
