"""`make clean` removes what the targets made, and nothing of a user's."""

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).resolve().parents[1] / "Makefile"
MADE = [
    ".venv/bin/python",
    ".venv-peers/img2dataset/bin/python",
    "babelsift.egg-info/PKG-INFO",
    "filters/__pycache__/jit.pyc",
    "filters/text/__pycache__/links.nbi",
    "out/flink-demo/local/funnel.json",
    "out/flink-figures/latency/by-1.log",
    "out/flink-test/local.log",
    "out/flink-job-server/job.jar",
    "out/docs/index.html",
    ".ruff_cache/content",
]
KEPT = ["filters/jit.py", "mine/__pycache__/notebook.pyc", "out/mine/shards/00000000.tar", "data/pairs.parquet"]


@pytest.fixture
def clean(tmp_path):
    """clean(*paths): makes these files in a folder with the Makefile, cleans it, returns what is left."""
    shutil.copy(MAKEFILE, tmp_path)

    def run(*paths):
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text("content")
        subprocess.run(["make", "clean", "PYTHON=python3"], cwd=tmp_path, check=True, capture_output=True)
        return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())

    return run


def test_what_targets_made_goes_and_a_users_run_stays(clean):
    assert clean(*MADE, *KEPT) == sorted([*KEPT, "Makefile"])


def test_the_demos_run_goes_and_a_users_run_by_its_name_stays(clean):
    assert clean("out/demo/demo/pairs.parquet", "out/demo/shards/00000000.tar") == ["Makefile"]
    assert clean("out/demo/shards/00000000.tar") == ["Makefile", "out/demo/shards/00000000.tar"]
