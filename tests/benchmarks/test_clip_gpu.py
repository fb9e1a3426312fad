"""The benchmark of GPUs, on the CPU with small sizes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.clip_gpu.steps import STEPS

ROOT = Path(__file__).parents[2]
# Beam is not there, as on a machine that was rented for its GPU.
PROGRAM = """
import sys
class NoBeam:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "apache_beam":
            raise ImportError(name)
sys.meta_path.insert(0, NoBeam())
from benchmarks.__main__ import main
sys.exit(main(["clip_gpu"]))
"""


@pytest.mark.slow
def test_all_parts_on_the_cpu():
    sizes = {"BATCH": "16", "BATCHES": "2", "PAIRS": "40", "ROWS": "16", "MODELS": "babelsift-demo", "PHOTOS": ""}
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, **sizes},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    figures = json.loads(finished.stdout.splitlines()[-1])["figures"]
    assert figures["resize_products_unlike_pillow"]["ours"] == figures["resize_loops_unlike_pillow"]["ours"] == 0
    assert figures["bits_babelsift-demo"]["ours"] == 1
    assert {
        "fp32_tflops",
        "bare_babelsift-demo_16_eager",
        "feed_processes_whole",
        "bare_babelsift-demo_16_packed",
        "end_to_end_babelsift-demo_new",
        "feed_torchvision_unlike_pillow",
        "little_memory_babelsift-demo",
    } <= set(figures)
    assert "feed: nvjpeg: left out, it needs a GPU" in finished.stdout
    assert "little_memory: played" in finished.stdout
    assert "out of memory with 64 pairs at once; going on with 32" in finished.stderr
    assert figures["little_memory_babelsift-demo_unlike"]["ours"] < 1e-5
    steps = {step: figures[f"steps_babelsift-demo_{step}"]["ours"] for step in STEPS}
    assert all(milliseconds > 0 for milliseconds in steps.values()), steps
    assert 0 < figures["steps_babelsift-demo_busy"]["ours"] < 1
    in_turn = steps["copy"] + steps["resize"] + steps["images"] + steps["texts"] + steps["results"]
    assert in_turn < figures["steps_babelsift-demo_whole"]["ours"]


@pytest.mark.slow
def test_an_unknown_part_is_one_line():
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks", "clip_gpu"],
        cwd=ROOT,
        env={**os.environ, "PARTS": "flying"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode != 0
    assert finished.stderr.splitlines()[-1].startswith("clip_gpu: no part 'flying'; there are ceilings, bare, ")
