"""Mutated images of every accepted format through the processing of the download stage: crashes, hangs, surprises.

    python -m benchmarks.fuzz_images --images 200000 --seed 0 [--first 0] [--processes 2]

Each image is processed in a child process that says which one it is at, so that a crash or a hang is pinned to its
image; the child is started anew behind it. Whatever is neither an image nor a reason counts as a surprise. An image's
number and the seed make it again: `--first N --images 1`. One JSON line at the end; exit status 1 for a finding.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

import cv2

from babelsift.filters.image import ImageFailure, ProcessedImage, process_image, read_header
from babelsift.filters.image.compile_kernels import compile_all
from babelsift.schemas.recipe import DownloadSettings
from benchmarks.harness.own_process import peak_mib
from benchmarks.workloads.mutations import mutated, seed_images

_HANG_S = 5.0
_PIXELS = 4_000_000  # enough for every path; more only makes each image slower
# So that every mode, format and scale of decoding is met.
_SETTINGS = tuple(
    DownloadSettings(
        image_size=size, resize_mode=mode, encode_format=file_format, encode_quality=quality, max_source_pixels=_PIXELS
    )
    for size, mode, file_format, quality in (
        (64, "keep_ratio", "jpg", 95),
        (16, "center_crop", "jpg", 95),
        (48, "border", "webp", 80),
        (8, "keep_ratio_largest", "png", 1),
        (64, "no", "jpg", 80),
    )
)


@dataclass
class Findings:
    """What came of the images; an image is named by its number."""

    outcomes: Counter[str] = field(default_factory=Counter)
    crashes: list[tuple[int, int | None]] = field(default_factory=list)
    hangs: list[int] = field(default_factory=list)
    surprises: list[tuple[int, str]] = field(default_factory=list)
    growth_kib: list[float] = field(default_factory=list)
    slowest_s: float = 0.0

    @property
    def images(self) -> int:
        """How many images there is an outcome of."""
        return sum(self.outcomes.values()) + len(self.crashes) + len(self.hangs) + len(self.surprises)

    def json_line(self) -> str:
        """Returns all of it for programs."""
        return json.dumps(
            {
                "images": self.images,
                "outcomes": dict(self.outcomes.most_common()),
                "crashes": self.crashes,
                "hangs": self.hangs,
                "surprises": self.surprises[:20],
                "slowest_s": round(self.slowest_s, 3),
                "growth_bytes_an_image": round(max(self.growth_kib, default=0.0) * 1024),
            }
        )


def fuzz(first: int, images: int, *, seed: int, processes: int) -> Findings:
    """Processes the images numbered from `first` on, in that many child processes."""
    findings = Findings()
    shares = [range(first + lane, first + images, processes) for lane in range(processes)]
    lanes = [_Lane(share, seed) for share in shares if share]
    while lanes:
        ready = wait([lane.connection for lane in lanes], timeout=_HANG_S / 5)
        for lane in list(lanes):
            if lane.connection in ready:
                lane.take(findings)
            elif time.monotonic() - lane.heard > _HANG_S:
                lane.skip(findings.hangs)
            if lane.finished:
                lanes.remove(lane)
    return findings


class _Lane:
    """One child process after the other, until its share of the images is done."""

    def __init__(self, numbers: range, seed: int) -> None:
        self._numbers, self._seed = numbers, seed
        self.finished = False
        self._start()

    def _start(self) -> None:
        self.at: int | None = None
        self.finished = not self._numbers
        if self.finished:
            return
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_work, args=(theirs, self._numbers, self._seed), daemon=True)
        self._process.start()
        theirs.close()
        # importing what a child needs takes longer than an image may
        self.heard = time.monotonic() + 60

    def take(self, findings: Findings) -> None:
        """Reads what the child says: where it is, what came of images, or nothing more."""
        try:
            kind, value = self.connection.recv()
        except (EOFError, OSError):
            self._process.join()
            if self.at is None:
                raise RuntimeError(f"a child ended before its first image, with {self._process.exitcode}") from None
            findings.crashes.append((self.at, self._process.exitcode))
            self._restart_after(self.at)
            return
        self.heard = time.monotonic()
        if kind == "at":
            self.at = value
        elif kind == "surprise":
            findings.surprises.append(value)
        elif kind == "outcome":
            outcome, seconds = value
            findings.outcomes[outcome] += 1
            findings.slowest_s = max(findings.slowest_s, seconds)
        else:
            findings.growth_kib.append(value)
            self._process.join()
            self.finished = True

    def skip(self, hangs: list[int]) -> None:
        """Ends a child that hangs and goes on behind its image."""
        self._process.kill()
        self._process.join()
        if self.at is None:
            raise RuntimeError("a child did not come to its first image")
        hangs.append(self.at)
        self._restart_after(self.at)

    def _restart_after(self, number: int) -> None:
        self.connection.close()
        self._numbers = range(number + self._numbers.step, self._numbers.stop, self._numbers.step)
        self._start()


def _work(connection: Connection, numbers: range, seed: int) -> None:
    # libjpeg and libpng print a line for each broken image; what ends a child, its exit code tells
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    compile_all()  # as the stage does; the first image would take as long as one that hangs
    seeds = seed_images()
    begun = None
    for done, number in enumerate(numbers):
        connection.send(("at", number))
        for kind, value in _outcome(mutated(seeds, number, seed), number):
            connection.send((kind, value))
        if done == len(numbers) // 2:
            begun = done, 1024 * peak_mib()
    if begun is None:
        begun = 0, 1024 * peak_mib()
    later = max(1, len(numbers) - begun[0])
    connection.send(("growth", (1024 * peak_mib() - begun[1]) / later))
    connection.close()


def _outcome(body: bytes, number: int) -> Iterator[tuple[str, object]]:
    started = time.monotonic()
    try:
        outcome = process_image(body, _SETTINGS[number % len(_SETTINGS)])
        if isinstance(outcome, ProcessedImage):
            stored = read_header(outcome.data)
            if (stored.width, stored.height) != (outcome.width, outcome.height):
                raise AssertionError(f"stored as {stored.width}x{stored.height}, said to be {outcome}")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        yield "surprise", (number, f"{type(error).__name__}: {error}"[:200])
        return
    name = outcome.reason.value if isinstance(outcome, ImageFailure) else "image"
    yield "outcome", (name, time.monotonic() - started)


def main(arguments: list[str]) -> int:
    """Fuzzes and prints the findings; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first image")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args(arguments)
    findings = fuzz(given.first, given.images, seed=given.seed, processes=given.processes)
    print(findings.json_line(), flush=True)
    return 1 if findings.crashes or findings.hangs or findings.surprises else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
