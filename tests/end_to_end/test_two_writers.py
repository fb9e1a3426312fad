"""Two writers of one folder: one of them gets a clear line, and no file of the other is touched."""

import pickle
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.writers.lock import LEASE
from babelsift.pipelines.staging.layout import STAGING
from tests.support.faulty_proxy import Fault
from tests.support.small_run import babelsift, product, write_pairs, write_recipe

# A driver that dies, and one that goes on, hand what a worker is given to it by their standard output.
DRIVER = """
import pickle, sys
from babelsift.pipelines.run_folder.writers.claim import claim_folder
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.writers.lock import RunLock
with RunLock(RunFolder(sys.argv[1]), wait=lambda seconds: None) as lock:
    sys.stdout.write(pickle.dumps(claim_folder(lock.folder, lock.token)).hex() + "\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""
# Begins a staging shard, a part of scores and a final shard's table; commits them once it is told to.
WORKER = """
import pickle, sys, time
import numpy as np
import pyarrow as pa
from babelsift.pipelines.staging.img2dataset.empty_shards import fill_gaps
from babelsift.pipelines.staging.layout import STAGED_SCHEMA
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.pipelines.staging.shards import StagingWriter
from babelsift.schemas import RunFolderError

folder = pickle.loads(bytes.fromhex(sys.argv[1]))
store = ScoreStore(folder, "model", "0" * 16)
print("begun", flush=True)
sys.stdin.readline()

def stage():
    with StagingWriter(folder, 0, 10, {}) as writer:
        writer.commit(pa.RecordBatch.from_pylist([], schema=STAGED_SCHEMA), start_time=0.0, end_time=1.0)

def score():
    store.describe({})

def shard():
    with folder.writing("shards/00000000.tar") as file:
        file.write(b"late")

for commit in (stage, score, shard):
    try:
        commit()
        print("committed", flush=True)
    except RunFolderError as error:
        print(f"refused: {error}", flush=True)
"""


@pytest.fixture
def small(s3_bucket, hostile_web, tmp_path):
    """A small run on the store: `arguments` of its command, `curate` that runs it here."""
    recipe = write_recipe(tmp_path / "recipe.yaml")
    write_pairs(hostile_web, s3_bucket.folder / "in" / "pairs.parquet")
    out = s3_bucket.url("out")
    arguments = ["curate", "--recipe", recipe, "--input", s3_bucket.url("in/*.parquet"), "--output", out]
    return SimpleNamespace(arguments=arguments, out=out, bucket=s3_bucket, curate=lambda: babelsift(*arguments))


def python(*arguments):
    return subprocess.Popen([sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def start_run(arguments):
    command = [sys.executable, "-m", "babelsift", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_workers_of_a_killed_driver_commit_nothing_once_another_run_has_begun(s3_bucket):
    url = s3_bucket.url("run")
    driver = python("-c", DRIVER, url)
    given = driver.stdout.readline().strip()
    worker = python("-c", WORKER, given)
    assert worker.stdout.readline() == "begun\n"
    driver.kill()
    driver.communicate()
    later = python("-c", DRIVER, url)
    fence = pickle.loads(bytes.fromhex(later.stdout.readline())).fence
    assert fence.epoch == 2
    said, _ = worker.communicate("go on\n")
    later.communicate()
    lines = said.splitlines()
    assert len(lines) == 3
    assert all("refused: " in line and "a later run (epoch 2) works in this folder" in line for line in lines)
    assert RunFolder(url).files_under("") == ["manifest.json"]


def test_workers_of_a_killed_driver_may_finish_while_no_other_run_has_begun(s3_bucket):
    """What they pay for is used by the next run."""
    url = s3_bucket.url("run")
    driver = python("-c", DRIVER, url)
    worker = python("-c", WORKER, driver.stdout.readline().strip())
    driver.kill()
    driver.communicate()
    said, _ = worker.communicate("go on\n")
    assert said.splitlines() == ["begun", "committed", "committed", "committed"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_second_run_on_a_store_is_refused_in_one_line_and_the_first_goes_on(small):
    with small.bucket.proxy.injecting(Fault.HELD, kind="put", key=STAGING) as injection:
        first = start_run(small.arguments)
        injection.waiting.wait()
        second = small.curate()
        assert f"process {first.pid}, since" in second.error
        assert "works in this folder; wait for it or stop it" in second.error
    _, log = first.communicate()
    assert first.returncode == 0, log
    assert not RunFolder(small.out).exists(LEASE)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_stood_still_for_long_changes_nothing_when_it_goes_on(small):
    """It is stopped as a laptop that sleeps: alive, so that its lease has to be watched for a minute."""
    with small.bucket.proxy.injecting(Fault.HELD, kind="put", key=STAGING) as injection:
        sleeping = start_run(small.arguments)
        injection.waiting.wait()
        sleeping.send_signal(signal.SIGSTOP)
        injection.remaining = 0  # of the later run none is held; those of the sleeping one arrive when it has ended
        said = small.curate()
        assert said.code == 0, said.log
        before = product(small.out)
        sleeping.send_signal(signal.SIGCONT)
    _, log = sleeping.communicate()
    assert sleeping.returncode != 0
    assert "Traceback" not in log
    [line] = [line for line in log.splitlines() if line.startswith("babelsift: ")]
    assert "a later run (epoch 2)" in line or "took the folder over" in line or "could not show" in line
    assert product(small.out) == before


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_twenty_times_on_a_store_the_same_command_gives_the_same_bytes(small, tmp_path):
    """Each time at a later request that changes the store, so at every stage of the run."""
    assert babelsift(*small.arguments[:-1], str(tmp_path / "whole")).code == 0
    expected = product(str(tmp_path / "whole"))
    kills = 0
    for after in [*range(1, 29), None]:
        run = start_run(small.arguments)
        reader = threading.Thread(target=run.stderr.read)
        reader.start()
        if after is not None:
            changes = lambda request: request.kind in ("put", "delete") and "/out/" in f"/{request.key}"  # noqa: E731
            with small.bucket.proxy.injecting(Fault.HELD, when=changes, after=after) as injection:
                while run.poll() is None and not injection.waiting.wait(0.1):
                    pass
                run.kill()
                kills += injection.waiting.is_set()
        run.wait()
        reader.join()
    assert run.returncode == 0
    assert product(small.out) == expected
    print(f"{kills} kills")
    assert kills >= 20
