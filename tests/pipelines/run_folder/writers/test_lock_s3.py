"""The lease on a real object store, with faults between it and those who write it."""

import subprocess
import sys

import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.writers.lock import LEASE, RunLock, read_lease
from babelsift.schemas import RunFolderError
from tests.pipelines.run_folder.writers.test_lock import eager_lock, hold_elsewhere, holder, lock
from tests.support.faulty_proxy import Fault

FAULTS = [Fault.UNAVAILABLE, Fault.FORBIDDEN, Fault.RESET, Fault.LOST_ANSWER]


@pytest.fixture
def folder(s3_bucket):
    return RunFolder(s3_bucket.url("run"))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["put", "get"])
def test_the_heart_goes_on_after_any_fault(folder, s3_bucket, fault, kind, caplog):
    with eager_lock(folder):
        with s3_bucket.proxy.injecting(fault, kind=kind, key=LEASE):
            while "no heartbeat" not in caplog.text:
                pass
        beats = read_lease(folder)["beats"]
        while read_lease(folder)["beats"] == beats:
            pass
    assert not folder.exists(LEASE)


@pytest.mark.parametrize("left", [None, holder()])
def test_a_run_whose_answer_was_lost_does_not_refuse_itself(folder, s3_bucket, left):
    if left is not None:
        folder.write_json(LEASE, left)
    with s3_bucket.proxy.injecting(Fault.LOST_ANSWER, kind="put", key=LEASE, times=1) as injection:
        with lock(folder):
            assert read_lease(folder)["token"] != "t"
        assert len(injection.met) == 1


def test_of_two_first_writers_the_store_takes_one(folder, s3_bucket):
    """The second saw no lease either; its PUT comes when the first has written."""
    with s3_bucket.proxy.injecting(Fault.HELD, kind="put", key=LEASE, times=1) as injection:
        command = [
            sys.executable,
            "-c",
            "import sys; from tests.pipelines.run_folder.writers.test_lock import *; exec(HOLD)",
        ]
        second = subprocess.Popen([*command, folder.url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        injection.waiting.wait()
        with lock(folder):
            injection.release.set()
            _, said = second.communicate()
    assert b"works in this folder; wait for it" in said
    assert second.returncode != 0


def test_a_living_run_is_not_taken_over_while_its_store_fails_now_and_then(folder, s3_bucket):
    with eager_lock(folder) as living:

        def let_it_beat(wait):
            with s3_bucket.proxy.injecting(Fault.UNAVAILABLE, kind="put", key=LEASE, times=3) as injection:
                while len(injection.met) < 3:
                    pass
            beats = read_lease(folder)["beats"]
            while read_lease(folder)["beats"] == beats:
                pass

        with pytest.raises(RunFolderError, match="works in this folder"), lock(folder, let_it_beat):
            pass
        living.check()


def test_a_killed_run_of_this_machine_is_taken_over_at_once(folder):
    killed = hold_elsewhere(folder)
    killed.kill()
    killed.communicate()
    waits = []
    with lock(folder, waits.append):
        assert len(waits) == 1


def test_where_the_store_lets_one_create_nobody_waits(folder, s3_bucket):
    waits, puts = [], len(s3_bucket.proxy.seen)
    with lock(folder, waits.append):
        kinds = [request.kind for request in s3_bucket.proxy.seen[puts:] if request.key.endswith(LEASE)]
    assert (waits, kinds) == ([], ["get", "put", "put"])  # the second PUT, refused, shows that the store decides


def test_a_store_that_does_not_answer_is_one_line(folder, s3_bucket):
    for kind in ("get", "put"):
        with (
            s3_bucket.proxy.injecting(Fault.UNAVAILABLE, kind=kind),
            pytest.raises(RunFolderError, match=r"cannot (read|write) \S*running\.json: .*run"),
            RunLock(folder, wait=lambda seconds: None),
        ):
            pass
