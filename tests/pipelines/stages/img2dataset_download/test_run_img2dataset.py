"""Running img2dataset in processes of its own, some of which die: a stand-in that has its pool of processes."""

import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import IMG2DATASET_IMAGES
from babelsift.pipelines.stages.img2dataset_download.run_img2dataset import run_img2dataset
from babelsift.pipelines.staging.img2dataset.listed_urls import URLS
from babelsift.schemas import RunnerError

# As img2dataset's distributor: a pool by `spawn` whose worker that died is replaced, and its task is lost.
_PACKAGE = """
from multiprocessing import get_context
from img2dataset.downloader import work

def download(output_folder, url_list, processes_count, **_):
    with get_context("spawn").Pool(2, maxtasksperchild=5) as pool:
        list(pool.imap_unordered(work, [(output_folder, shard) for shard in range(2)]))
"""
_DOWNLOADER = """
import json, os, signal
from pathlib import Path

def work(task):
    folder, shard = task
    died = Path(folder).parent / "died"
    if shard == 1 and len(died.read_text()) < DEATHS:
        died.write_text(died.read_text() + "x")
        os.kill(os.getpid(), signal.SIGKILL)
    Path(folder).mkdir(exist_ok=True)
    (Path(folder) / f"{shard:05d}_stats.json").write_text(json.dumps({"count": 1}))
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """run(deaths) -> where the shards are finished."""
    folder = RunFolder(str(tmp_path / "out"))
    for number in range(2):
        with folder.writing(f"{URLS}/00000-{number:05d}.parquet") as file:
            pq.write_table(pa.table({"url": ["http://e.com/1"], "listed_url": ["http://e.com/1"]}), file)
    images = tmp_path / "out" / IMG2DATASET_IMAGES
    (images.parent / "died").write_text("")
    package = tmp_path / "packages" / "img2dataset"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(_PACKAGE)
    monkeypatch.syspath_prepend(str(package.parent))

    def download(deaths):
        (package / "downloader.py").write_text(_DOWNLOADER.replace("DEATHS", str(deaths)))
        run_img2dataset(folder, {}, samples_per_shard=1)
        return sorted(path.name for path in images.glob("*_stats.json"))

    return download


def test_a_process_that_dies_is_no_hang_and_loses_no_shard(run, caplog):
    caplog.set_level(logging.WARNING)
    assert run(deaths=1) == ["00000_stats.json", "00001_stats.json"]
    [said] = caplog.messages
    assert "a process of img2dataset died" in said


def test_processes_that_always_die_end_the_run_in_one_line(run):
    with pytest.raises(RunnerError, match="3 times one of its processes died") as raised:
        run(deaths=99)
    assert "\n" not in str(raised.value)
