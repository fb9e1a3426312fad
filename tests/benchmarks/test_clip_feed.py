"""The benchmark of the feed, with small sizes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_both_sides_store_scores():
    sizes = {"PAIRS": "40", "RUNS": "1", "BATCH": "16", "PROCESSES": "1", "PHOTOS": ""}
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks", "clip_feed"],
        cwd=ROOT,
        env={**os.environ, **sizes},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    figures = json.loads(finished.stdout.splitlines()[-1])["figures"]
    assert figures["pace"]["ours"] > 0
    assert figures["pace"]["peer"] > 0
    # Threads decode; beside processes that do, threads only talk to them.
    assert figures["decoders_cpu"]["ours"] > 0
    assert 0 < figures["decoding"]["ours"] < figures["decoding"]["peer"]
