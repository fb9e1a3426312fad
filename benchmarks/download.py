"""Downloading beside img2dataset 1.47: real photographs from a loopback server, quick, late, and large.

    python -m benchmarks download            IMAGES=6000 LARGE_IMAGES=1000 RUNS=3 PHOTOS=FOLDER set the sizes
    PARTS=photos,late,large,limit            the parts to run, each by itself where the time is short

Both sides get the same table, settings and server, run one after the other on the same cores, and write webdataset
shards. The server answers on many loopback addresses, as a crawl has many hosts, so that limits a host hold nobody up.
Ours is the stage as the run has it: `DownloadImages` under Beam's in-process runner. img2dataset runs with the process
and thread counts that were fastest in a search over a small grid, done for each web before the runs. A run of it that
takes longer than it is granted is ended and said, and the others count.

Images a second are counted between the first shard's begin and the last one's end, as both write them into their
`_stats.json`: no side pays for its start there. `..._with_start` are of the whole process, from nothing to its exit.
`..._cpu` is what the system counts of a side's processes, which other work on the machine disturbs least.
`limit` is how near ours comes to doing nothing but decode, resize and encode; `..._part_...` is where its time goes,
from as many runs more with clocks in them. Each run's figures, and each part's, go to stderr as they are there.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.harness.download_sides import SideRun, finished, run_img2dataset, run_ours, timed, write_table
from benchmarks.harness.outcome import Figure, Outcome, median_ratio
from benchmarks.harness.processing_limit import images_a_second
from benchmarks.peers.environments import PeerError
from benchmarks.workloads.large_photos import write_large_photos
from benchmarks.workloads.photo_web import photo_web
from benchmarks.workloads.photographs import photograph_folder

_PARTS = ("photos", "late", "large", "limit")
_SIZES = (("IMAGES", "6000"), ("LARGE_IMAGES", "1000"), ("RUNS", "3"))
_GRID = {"quick": ((1, 32), (2, 16), (2, 64), (4, 32)), "late": ((2, 64), (2, 256), (4, 128))}
_GRID_SHARE = 3  # the search looks at one image in so many
_PART_GOALS = {"hash": "<= 0.1"}
_OURS_THREADS = {"quick": 64, "late": 512}


@dataclass(frozen=True)
class _Web:
    """One of the webs: its photographs, its latency, how many images are asked of it, and what is to be reached.

    Attributes:
        image_s: seconds that a side is granted an image, several times what it takes.
    """

    name: str
    photos: str
    images: int
    goal: float
    image_s: float
    latency_s: float = 0.0

    @property
    def pace(self) -> str:
        return "late" if self.latency_s else "quick"


def run() -> Outcome:
    """Measures the parts in turn."""
    parts = [part for part in os.environ.get("PARTS", ",".join(_PARTS)).split(",") if part]
    if unknown := set(parts) - set(_PARTS):
        raise SystemExit(f"PARTS: no part {min(unknown)!r}; there are {', '.join(_PARTS)}")
    images, large, runs = (int(os.environ.get(*pair)) for pair in _SIZES)
    outcome = Outcome("download", f"{images} photographs, {large} large ones; medians of {runs} alternating runs")
    with tempfile.TemporaryDirectory() as home:
        photos = photograph_folder(home)
        if {"large", "limit"} & set(parts):
            write_large_photos(photos, f"{home}/large")
        webs = {
            "photos": _Web("photos", photos, images, 1.5, image_s=0.02),
            "late": _Web("photos_200ms_late", photos, images, 1.5, image_s=0.02, latency_s=0.2),
            "large": _Web("large_photos", f"{home}/large", large, 3, image_s=0.12),
        }
        for part in parts:
            figures: dict[str, Figure] = {}
            if part == "limit":
                notes = [_limit(web, home, runs, figures) for web in (webs["photos"], webs["large"])]
            else:
                notes = _beside_peer(webs[part], home, runs, figures)
            outcome.what = "\n".join([outcome.what, *notes])
            outcome.figures |= figures
            _say(Outcome("download", f"{part}: done", figures).table() + "\n")
    return outcome


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _beside_peer(web: _Web, home: str, runs: int, figures: dict[str, Figure]) -> list[str]:
    """Runs both sides of one web, alternating, and adds their figures; returns lines on how."""
    with photo_web(web.photos, latency_s=web.latency_s) as base_url:
        table = write_table(base_url, web.images, home)
        best, notes = _search(web, base_url, home)
        sides = {"ours": _ours(web, table)}
        if best is not None:
            sides["peer"] = _peer(web, best, table, web.images)
        rounds: list[dict[str, SideRun]] = []
        for _ in range(runs):
            rounds.append({})
            for name, side in sides.items():
                try:
                    run = timed(base_url, side, home, web.images)
                except PeerError as error:
                    notes.append(f"{web.name}: a run of img2dataset does not count: {error}")
                    _say(notes[-1])
                    continue
                rounds[-1][name] = run
                _say(f"{web.name}: {name}: {run.pace:.0f} images/s, {run.cpu_msec:.2f} ms of CPU an image")
    _add_figures(web, rounds, figures)
    return notes


def _ours(web: _Web, table: str) -> Callable[[str], None]:
    threads = _OURS_THREADS[web.pace]
    return lambda output: run_ours(table, web.images, output, threads=threads, image_s=web.image_s)


def _peer(web: _Web, counts: tuple[int, int], table: str, images: int) -> Callable[[str], None]:
    return lambda output: run_img2dataset(counts, table, images, output, image_s=web.image_s)


def _search(web: _Web, base_url: str, home: str) -> tuple[tuple[int, int] | None, list[str]]:
    """The processes and threads with which img2dataset is fastest, and a line on it."""
    images = max(1, web.images // _GRID_SHARE)
    table = write_table(base_url, images, home)
    paces = {}
    for counts in _GRID[web.pace]:
        try:
            pace = timed(base_url, _peer(web, counts, table, images), home, images).pace
        except PeerError as error:
            failure = error
            _say(f"{web.name}: img2dataset, {counts}: {error}")
            continue
        paces[counts] = pace
        _say(f"{web.name}: img2dataset, {counts}: {pace:.0f} images/s")
    if not paces:
        return None, [f"{web.name}: img2dataset is left out: {failure}"]
    best = max(paces, key=paces.__getitem__)
    return best, [f"{web.name}: peer: img2dataset 1.47 with {best[0]} processes of {best[1]} threads"]


def _add_figures(web: _Web, rounds: list[dict[str, SideRun]], figures: dict[str, Figure]) -> None:
    both = [sides for sides in rounds if "peer" in sides]
    for name, unit, goal in (
        ("pace", "images/s", f">= {web.goal:g}"),
        ("pace_with_start", "images/s", None),
        ("cpu_msec", "ms of CPU an image, start included", None),
        ("server_cores", "cores taken by the server", None),
    ):
        ours = [getattr(sides["ours"], name) for sides in (both or rounds)]
        peer = [getattr(sides["peer"], name) for sides in both]
        figures[f"{web.name}_{name}"] = Figure(
            unit,
            statistics.median(ours),
            statistics.median(peer) if peer else None,
            median_ratio(ours, peer) if peer and name != "server_cores" else None,
            goal,
        )


def _limit(web: _Web, home: str, runs: int, figures: dict[str, Figure]) -> str:
    """Adds how near ours comes to decoding, resizing and encoding alone, and where its time goes; returns a line."""
    found: list[SideRun] = []
    limits: list[float] = []
    profiles: list[dict[str, float]] = []
    with photo_web(web.photos) as base_url:
        table = write_table(base_url, web.images, home)
        for _ in range(runs):
            limits.append(images_a_second(web.photos))
            found.append(timed(base_url, _ours(web, table), home, web.images))
            profiles.append(_profiled(web, table, home))
            _say(f"{web.name}: {found[-1].pace:.0f} images/s where the limit is {limits[-1]:.0f}")
    paces, cores = [run.pace for run in found], os.cpu_count() or 1
    server = statistics.median(run.server_cores for run in found)
    figures[f"{web.name}_of_limit"] = Figure(
        "images/s; peer: decode, resize, encode alone",
        statistics.median(paces),
        statistics.median(limits),
        median_ratio(paces, limits),
        ">= 0.8",
    )
    share = median_ratio(paces, [limit * (1 - server / cores) for limit in limits])
    figures[f"{web.name}_of_limit_less_server"] = Figure("of the cores that the server leaves", ratio=share)
    for part in profiles[0]:
        figures[f"{web.name}_part_{part}"] = Figure(
            "ms of CPU an image; ratio: of all parts",
            statistics.median(profile[part] for profile in profiles),
            ratio=statistics.median(profile[part] / sum(profile.values()) for profile in profiles),
            goal=_PART_GOALS.get(part),
        )
    return f"{web.name}: the limit is of {cores} cores, with what is served taken off in the line below"


def _profiled(web: _Web, table: str, home: str) -> dict[str, float]:
    """Where our side's CPU time goes: ms an image by part."""
    command = [sys.executable, "-m", "benchmarks.harness.download_profile", table]
    with tempfile.TemporaryDirectory(dir=home) as output:
        printed = finished(
            [*command, f"{output}/out", str(_OURS_THREADS[web.pace])], limit_s=120 + web.images * web.image_s
        )
    return json.loads(printed.splitlines()[-1])
