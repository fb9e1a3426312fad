"""Whole runs on images that break decoders, or whose decoders are stopped: every pair has its fate, and the run ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import struct
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from babelsift.schemas import Recipe
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import LOOPBACK_ONLY, answer, encoded, photo
from tests.support.image_files import jpeg_data_start, jpeg_of_height, jpeg_with, png_with
from tests.support.process_tree import children_of, state_of
from tests.support.small_run import write_recipe

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked for in /proc")

NOISE = np.random.default_rng(1).normal(0, 9, (240, 320, 3))
PICTURE = Image.fromarray((np.asarray(photo(1, (320, 240))) + NOISE).clip(0, 255).astype(np.uint8))
WHOLE = {name: encoded(PICTURE, name) for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")}
PROGRESSIVE = encoded(PICTURE, progressive=True)
JPEG_START = jpeg_data_start(WHOLE["JPEG"])
_LOGGED = re.compile(rb"\d\d:\d\d:\d\d  ")


def _with_hole(body: bytes) -> bytes:
    third = len(body) // 3
    return body[:third] + bytes(third) + body[2 * third :]


UNDECODABLE = {f"cut {name}": body[: 2 * len(body) // 3] for name, body in WHOLE.items()}
UNDECODABLE |= {
    "cut progressive": PROGRESSIVE[: 2 * len(PROGRESSIVE) // 3],
    "cut progressive with an end": PROGRESSIVE[: 2 * len(PROGRESSIVE) // 3] + b"\xff\xd9",
    "ten times the rows": jpeg_of_height(WHOLE["JPEG"], 2400),
    "hole in JPEG": WHOLE["JPEG"][:JPEG_START] + _with_hole(WHOLE["JPEG"][JPEG_START:]),
    "hole in PNG": _with_hole(WHOLE["PNG"]),
    "PNG of no chunks": WHOLE["PNG"][:33],
    "a million rows": jpeg_of_height(WHOLE["JPEG"], 65_500),
}
TEXT = (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000), 9))
DECODABLE = WHOLE | {
    "1000 texts": png_with(WHOLE["PNG"], [TEXT] * 1000),
    "odd gamma": png_with(WHOLE["PNG"], [(b"gAMA", bytes(4)), (b"sBIT", b"\x09\x09\x09")], before=b"IDAT"),
    "odd segment": jpeg_with(WHOLE["JPEG"], struct.pack(">BBH", 0xFF, 0xE2, 16) + b"ICC_PROFILE\0\1\1"),
    "damaged in its last row": WHOLE["JPEG"][:-40] + bytes(20) + WHOLE["JPEG"][-20:],
}


def _download(**changes) -> DownloadSettings:
    return DownloadSettings(
        image_size=64, timeout_s=60.0, total_timeout_s=300.0, samples_per_staging_shard=50, **LOOPBACK_ONLY, **changes
    )


def _write(web, bodies, folder: Path, settings: DownloadSettings) -> list[str]:
    """Serves bodies and writes table and recipe; returns the command's arguments."""
    urls = [web.on(f"/{number}", answer(body)) for number, body in enumerate(bodies)]
    captions = [f"a photo of thing number {number}" for number in range(len(urls))]
    pq.write_table(pa.table({"url": urls, "caption": captions}), folder / "pairs.parquet")
    recipe = write_recipe(folder / "recipe.yaml", Recipe(name="hostile", download=settings))
    inputs = ["--recipe", recipe, "--input", str(folder / "pairs.parquet")]
    return [sys.executable, "-m", "babelsift", "curate", *inputs, "--output", str(folder / "out")]


def _staged(folder: Path) -> dict[int, str]:
    """Of each row its status or the reason why it is none; what was found last counts."""
    found = {}
    for file in sorted((folder / "out/staging/images").glob("*.parquet")):
        for row in pq.read_table(file).to_pylist():
            found[int(row["url"].rpartition("/")[2])] = row["reason"] or row["status"]
    return found


@pytest.mark.slow
def test_decoders_are_not_heard_on_stderr(tmp_path, hostile_web):
    bodies = {**UNDECODABLE, **DECODABLE}
    done = subprocess.run(
        _write(hostile_web, bodies.values(), tmp_path, _download()), capture_output=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    staged = dict(zip(bodies, (reason for _, reason in sorted(_staged(tmp_path).items())), strict=True))
    assert staged == dict.fromkeys(UNDECODABLE, "image_undecodable") | dict.fromkeys(DECODABLE, "success")
    assert [line for line in done.stderr.splitlines() if not _LOGGED.match(line)] == []


@pytest.mark.slow
def test_stopped_decoders_are_ended_and_their_images_fetched_again_when_asked_for(tmp_path, hostile_web):
    stopped: list[int] = []

    async def stop_decoders(request):
        while not stopped:  # the first image that waits for a decoder has the host started
            await asyncio.sleep(0.05)
            for host in children_of(process.pid, running="decoding.host"):
                stopped.extend(children_of(host))
        for decoder in stopped:
            os.kill(decoder, signal.SIGSTOP)
        await answer(WHOLE["JPEG"])(request)

    bodies = [encoded(photo(number, (48, 40))) for number in range(60)]
    command = _write(hostile_web, bodies, tmp_path, _download(decode_timeout_s=2.0, thread_count=1))
    hostile_web.on("/40", stop_decoders)
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        log = process.stderr.read()
    assert process.returncode == 0, log
    assert stopped
    assert {state_of(decoder) for decoder in stopped} == {""}
    fates = Counter(_staged(tmp_path).values())
    assert set(fates) == {"success", "decode_timeout"}
    assert 1 <= fates["decode_timeout"] <= len(stopped)
    rejected = pa.concat_tables(pq.read_table(file) for file in (tmp_path / "out/rejects").glob("*.parquet"))
    assert set(zip(rejected["reason"].to_pylist(), rejected["value"].to_pylist(), strict=True)) == {
        ("decode_timeout", "10 s")
    }

    before = hostile_web.total_requests
    done = subprocess.run([*command, "--retry-failed", "decode"], capture_output=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert hostile_web.total_requests == before + fates["decode_timeout"]
    assert Counter(_staged(tmp_path).values())["success"] == 60
