"""Downloading beside img2dataset 1.47: real photographs from a loopback server, quick, late, and large.

    python -m benchmarks download            IMAGES=6000 LARGE_IMAGES=1000 RUNS=3 PHOTOS=FOLDER set the sizes

Both sides get the same table, settings and server, run one after the other on the same cores, and write webdataset
shards. The server answers on many loopback addresses, as a crawl has many hosts, so that limits a host hold nobody up.
Ours is the stage as the run has it: `DownloadImages` under Beam's in-process runner. img2dataset runs with the process
and thread counts that were fastest in a search over a small grid, done for each web before the runs.

Images a second are counted between the first shard's begin and the last one's end, as both write them into their
`_stats.json`: no side pays for its start there. `..._with_start` are of the whole process, from nothing to its exit.
`..._cpu` is what the system counts of a side's processes, which other work on the machine disturbs least;
`..._part_...` is where ours goes, from one more run with clocks in it.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
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

from benchmarks.large_photos import write_large_photos
from benchmarks.outcome import Figure, Outcome, median_ratio
from benchmarks.peers.environments import PeerError, run_peer
from benchmarks.photo_web import photo_url, photo_web, served_cpu_seconds
from benchmarks.processing_limit import images_a_second
from filters.identity import compute_uids
from pipelines.batches import REJECTED
from pipelines.download import DownloadImages
from pipelines.run_folder import RunFolder
from schemas import LANGUAGE_SCHEMA
from schemas.recipe import DownloadSettings

_SHARD_SAMPLES = 500
_SHARDS = 12  # at least, so that the last rows of one are not waited for by all
_SMALLEST_SHARD = 50
_PEER_LIMIT_S = 60.0  # and one more second for each ten images; img2dataset's pool can wait for a lost worker for ever
_GRID = {"quick": ((1, 32), (2, 16), (2, 64), (4, 32)), "late": ((2, 64), (2, 256), (4, 128))}
_GRID_SHARE = 3  # the search looks at one image in so many
_OURS_THREADS = {"quick": 64, "late": 512}


@dataclass(frozen=True)
class _Web:
    """One of the webs: its photographs, its latency, how many images are asked of it, and what is to be reached."""

    name: str
    photos: str
    images: int
    goal: float
    latency_s: float = 0.0

    @property
    def pace(self) -> str:
        return "late" if self.latency_s else "quick"


def run() -> Outcome:
    """Measures the three webs in turn."""
    photos = os.environ.get("PHOTOS", "../shared/data/photos")
    images, large, runs = (int(os.environ.get(*pair)) for pair in _SIZES)
    figures: dict[str, Figure] = {}
    notes = []
    with tempfile.TemporaryDirectory() as home:
        write_large_photos(photos, f"{home}/large")
        for web in (
            _Web("photos", photos, images, 1.5),
            _Web("photos_200ms_late", photos, images, 1.5, latency_s=0.2),
            _Web("large_photos", f"{home}/large", large, 3),
        ):
            notes.append(_measure(web, home, runs, figures))
    what = f"{images} photographs, {large} large ones; medians of {runs} alternating runs; peer: img2dataset 1.47"
    return Outcome("download", "\n".join([what, *notes]), figures)


_SIZES = (("IMAGES", "6000"), ("LARGE_IMAGES", "1000"), ("RUNS", "3"))


def _measure(web: _Web, home: str, runs: int, figures: dict[str, Figure]) -> str:
    """Runs both sides of one web, alternating, and adds its figures; returns a line on how."""
    with photo_web(web.photos, latency_s=web.latency_s) as base_url:
        table = write_table(base_url, web.images, home)
        try:
            best = _search(web, base_url, home)
        except PeerError as error:
            best, note = None, f"{web.name}: img2dataset is left out: {error}"
        sides: dict[str, Callable[[str], None]] = {"ours": lambda output: _run_ours(web, table, output)}
        if best is not None:
            note = f"{web.name}: img2dataset with {best[0]} processes of {best[1]} threads"
            sides["peer"] = lambda output: _run_peer(best, table, web.images, output)
        found: dict[str, list[_Run]] = {name: [] for name in sides}
        limits = []
        for _ in range(runs):
            limits.append(images_a_second(web.photos))
            for name, side in sides.items():
                run = _timed(base_url, side, home, web.images)
                found[name].append(run)
                print(f"bench: {web.name}: {name}: {run.pace:.0f} images/s, {run.cpu_msec:.2f} ms of CPU", flush=True)
        parts = _profiled(web, table, home)
    _add_figures(web, found, limits, figures)
    for part, msec in parts.items():
        figures[f"{web.name}_part_{part}"] = Figure("ms of CPU an image", msec, ratio=msec / sum(parts.values()))
    return note


@dataclass(frozen=True)
class _Run:
    pace: float
    pace_with_start: float
    server_cores: float
    cpu_msec: float


def _timed(base_url: str, side: Callable[[str], None], home: str, images: int) -> _Run:
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
    return _Run(images / span, images / seconds, served / seconds, used / images * 1000)


def _children_cpu_seconds() -> float:
    """What processes have used that were started here, or by them, and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _add_figures(web: _Web, found: dict[str, list[_Run]], limits: list[float], figures: dict[str, Figure]) -> None:
    for name, goal in (("pace", f">= {web.goal:g}"), ("pace_with_start", None)):
        sides = {side: [getattr(run, name) for run in runs] for side, runs in found.items()}
        ratio = median_ratio(sides["ours"], sides["peer"]) if "peer" in sides else None
        medians = {side: statistics.median(values) for side, values in sides.items()}
        label = web.name + name.removeprefix("pace")
        figures[label] = Figure("images/s", medians["ours"], medians.get("peer"), ratio, goal)
    used = {side: statistics.median(run.cpu_msec for run in runs) for side, runs in found.items()}
    ratio = used["ours"] / used["peer"] if "peer" in used else None
    figures[f"{web.name}_cpu"] = Figure("ms of CPU an image, start included", used["ours"], used.get("peer"), ratio)
    server = {side: statistics.median(run.server_cores for run in runs) for side, runs in found.items()}
    figures[f"{web.name}_server"] = Figure("cores taken by the server", server["ours"], server.get("peer"))
    ours, cores = [run.pace for run in found["ours"]], os.cpu_count() or 1
    goal = None if web.latency_s else ">= 0.8"
    share = median_ratio(ours, limits)
    figures[f"{web.name}_of_limit"] = Figure(
        "images/s; peer: decode, resize, encode alone", statistics.median(ours), statistics.median(limits), share, goal
    )
    share = median_ratio(ours, [limit * (1 - server["ours"] / cores) for limit in limits])
    figures[f"{web.name}_of_limit_less_server"] = Figure("of the cores that the server leaves", ratio=share)


def _search(web: _Web, base_url: str, home: str) -> tuple[int, int]:
    """The processes and threads with which img2dataset is fastest."""
    images = max(_SMALLEST_SHARD, web.images // _GRID_SHARE)
    table = write_table(base_url, images, home)
    paces = {}
    for counts in _GRID[web.pace]:
        try:
            run = _timed(base_url, lambda output, c=counts: _run_peer(c, table, images, output), home, images)
        except PeerError as error:
            failure = error
            print(f"bench: {web.name}: img2dataset, {counts}: {error}", flush=True)
            continue
        paces[counts] = run.pace
        print(f"bench: {web.name}: img2dataset, {counts}: {run.pace:.0f} images/s", flush=True)
    if not paces:
        raise failure
    return max(paces, key=paces.__getitem__)


def _profiled(web: _Web, table: str, home: str) -> dict[str, float]:
    """Where our side's CPU time goes: ms an image by part."""
    command = [sys.executable, "-m", "benchmarks.download_profile", table]
    with tempfile.TemporaryDirectory(dir=home) as output:
        printed = _finished([*command, f"{output}/out", str(_OURS_THREADS[web.pace])])
    return json.loads(printed.splitlines()[-1])


def _shard_samples(images: int) -> int:
    return min(_SHARD_SAMPLES, max(_SMALLEST_SHARD, images // _SHARDS))


def write_table(base_url: str, images: int, home: str) -> str:
    """Writes a table of that many URLs and captions into a folder and returns its path."""
    path = f"{home}/{images}.parquet"
    urls = [photo_url(base_url, number) for number in range(images)]
    pq.write_table(
        pa.table({"url": urls, "caption": [f"photograph number {number}" for number in range(images)]}), path
    )
    return path


def _run_peer(counts: tuple[int, int], table: str, images: int, output: str) -> None:
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
    run_peer("img2dataset", "img2dataset_run.py", str(file), limit_s=_PEER_LIMIT_S + images / 10)


def _run_ours(web: _Web, table: str, output: str) -> None:
    code = f"from benchmarks.download import download; download({table!r}, {output!r}, {_OURS_THREADS[web.pace]})"
    _finished([sys.executable, "-c", code])


def _finished(command: list[str]) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise RuntimeError(f"our side failed: {finished.stderr.strip().splitlines()[-1:]}")
    return finished.stdout


def download(table: str, output: str, threads: int) -> None:
    """Downloads a table's pairs into a run folder by `DownloadImages`."""
    batch = _pairs(table)
    samples = _shard_samples(len(batch))
    settings = DownloadSettings(
        image_size=256,
        resize_mode="keep_ratio",
        allow_addresses=("127.0.0.0/8",),
        ports=None,
        thread_count=threads,
        samples_per_staging_shard=samples,
    )
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        pairs = pipeline | beam.Create([batch], reshuffle=False)
        outputs = pairs | DownloadImages(RunFolder(output), settings, max(1, len(batch) // (2 * samples)))
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
