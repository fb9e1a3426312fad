"""Pushes to a hub on loopback, through the command in a process of its own: the library reads its endpoint at import."""

import hashlib
import os
import subprocess
import sys
import tarfile

import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import Funnel
from tests.support.receiving_hub import TOKEN, receiving_hub

TARGET = "hf://datasets/someone/pairs"
COUNTS = {("read", "in", ""): 3, ("read", "out", ""): 3}


@pytest.fixture
def out(tmp_path):
    """A run folder with two shards, and what must never be pushed."""
    folder = RunFolder(str(tmp_path / "out"))
    for number in range(2):
        with folder.writing(f"shards/{number:08d}.tar") as file, tarfile.open(fileobj=file, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(f"{number}.txt"))
    files = ("shards/00000000.parquet", "rejects/00000.parquet", "README.md", "croissant.json", "report/index.html")
    for path in (*files, "staging/images/00000.tar", "staging/timings.json", "running.json", "shards/.hidden"):
        folder.write(path, path.encode())
    folder.write_json("funnel.json", Funnel.from_counts(COUNTS).to_json())
    return folder


def push(endpoint, out, target=TARGET, token=TOKEN):
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": token}
    environment |= {"HF_HOME": out.path("..", "hf"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-m", "babelsift", "push", out.path(), target]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def error_of(done):
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    [line] = done.stderr.splitlines()
    return line


def test_the_product_is_pushed_whole_what_says_so_last_and_nothing_of_staging(out):
    with receiving_hub() as hub:
        done = push(hub.endpoint, out)
    assert done.returncode == 0, done.stderr
    assert hub.files == {
        path: out.read(path)
        for path in (
            *("shards/00000000.tar", "shards/00000001.tar", "shards/00000000.parquet", "rejects/00000.parquet"),
            *("README.md", "croissant.json", "report/index.html", "funnel.json"),
        )
    }
    assert hub.commits[-1] == ["README.md", "funnel.json"]
    assert f"{hub.endpoint}/datasets/someone/pairs" in done.stdout


@pytest.mark.slow  # the hub's library tries again for a while
def test_a_push_that_was_cut_short_is_one_line_and_goes_on(out):
    with receiving_hub() as hub:
        hub.cut = hashlib.sha256(out.read("shards/00000001.tar")).hexdigest()
        line = error_of(push(hub.endpoint, out))
        assert "cannot be reached" in line
        assert line.endswith("the same command goes on from here")
        assert not hub.files
        hub.cut = None
        assert push(hub.endpoint, out).returncode == 0
    assert hub.received == 2, "each large file is sent once"
    assert "funnel.json" in hub.files


def test_a_run_that_is_not_complete_is_refused_before_a_byte_is_sent(out):
    out.remove("funnel.json")
    with receiving_hub() as hub:
        line = error_of(push(hub.endpoint, out))
    assert "no complete run is there" in line
    assert (hub.commits, hub.received) == ([], 0)


@pytest.mark.parametrize(
    ("token", "status", "said"),
    [
        ("", None, "run `hf auth login`, or set HF_TOKEN"),
        ("hf_other", None, "refuses this token (HTTP 401)"),
        (TOKEN, 403, "refuses this token (HTTP 403)"),
        (TOKEN, 404, "check the organisation's name"),
    ],
)
def test_what_the_hub_refuses_is_one_line(out, token, status, said):
    with receiving_hub() as hub:
        hub.status = status
        line = error_of(push(hub.endpoint, out, token=token))
    assert line.startswith(f"babelsift: {TARGET}: ")
    assert said in line


def test_a_hub_that_is_not_there_is_one_line(out):
    line = error_of(push("http://127.0.0.1:9", out))
    assert "the hub cannot be reached" in line


@pytest.mark.parametrize("target", ["someone/pairs", "hf://someone/pairs", "hf://datasets/pairs", "s3://bucket/x"])
def test_a_target_that_is_no_data_set_is_one_line(out, target):
    assert "write hf://datasets/ORGANISATION/NAME" in error_of(push("http://127.0.0.1:9", out, target))
