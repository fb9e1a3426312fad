import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.writers.lock import LEASE, RunLock, read_lease
from babelsift.schemas import RunFolderError

HOLD = """
import sys
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.writers.lock import RunLock
with RunLock(RunFolder(sys.argv[1]), wait=lambda seconds: None):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def remote():
    folder = RunFolder("memory://locked").check_writable()
    yield folder
    folder.fs.store.clear()


def holder(**changes):
    return {"host": "elsewhere", "pid": 7, "token": "t", "beats": 3, "since": "s", "at": "a"} | changes


def lock(folder, while_waiting=lambda wait: None):
    """A lock that never sleeps; `while_waiting` is told the number of each wait."""
    waits = iter(range(1000))
    return RunLock(folder, wait=lambda seconds: while_waiting(next(waits)))


def eager_lock(folder, clock=lambda: 0.0):
    """A lock that never sleeps, whose heart beats all the time, by a clock that stands."""
    return RunLock(folder, beat_s=0.001, wait=lambda seconds: None, clock=clock)


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path, remote):
    return remote if request.param == "memory" else RunFolder(str(tmp_path)).check_writable()


def hold_elsewhere(folder):
    """Holds the folder's lock in another process, until its standard input ends."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, folder.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    return process


def test_held_then_let_go_then_held_again(folder):
    for _ in range(2):
        with lock(folder):
            assert read_lease(folder)["pid"] == os.getpid()
        assert not folder.exists(LEASE)


def test_a_second_run_is_refused_by_the_name_of_the_first(tmp_path):
    folder = RunFolder(str(tmp_path))
    first = hold_elsewhere(folder)
    who = (
        rf"another run \(host {socket.gethostname()}, process {first.pid}, since .*\) works in this folder; wait for it"
    )
    with pytest.raises(RunFolderError, match=who), RunLock(folder):
        pass
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    with RunLock(folder):  # at once: the system let go of the lock of the killed
        assert read_lease(folder)["pid"] == os.getpid()


def test_a_living_lease_is_respected_and_left_as_it_is(remote):
    remote.write_json(LEASE, holder())
    beats = lambda wait: remote.write_json(LEASE, holder(beats=3 + wait))  # noqa: E731
    with (
        pytest.raises(RunFolderError, match=r"another run \(host elsewhere, process 7, since s\) works"),
        lock(remote, beats),
    ):
        pass
    assert read_lease(remote)["token"] == "t"


def test_a_lease_that_stands_still_is_taken_over(remote, caplog):
    remote.write_json(LEASE, holder())
    caplog.set_level("INFO")
    with lock(remote):
        assert read_lease(remote)["host"] == socket.gethostname()
    assert "host elsewhere, process 7, since s) was killed; going on where it stopped" in caplog.text


def lease_of_a_killed_process(remote):
    with lock(remote):
        content = read_lease(remote)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    return content | {"pid": dead.pid, "token": "t"}


def test_a_lease_of_a_dead_process_of_this_machine_is_taken_over_without_watching(remote):
    remote.write_json(LEASE, lease_of_a_killed_process(remote))
    waits = []
    with lock(remote, waits.append):
        assert waits == [0]  # to see whether another run took it over, too


@pytest.mark.parametrize("machine", [None, "another boot", "the same boot, another container"])
def test_of_a_process_that_cannot_be_seen_from_here_a_lease_is_watched(remote, machine):
    """Containers share their host's name and not its processes."""
    remote.write_json(LEASE, lease_of_a_killed_process(remote) | {"machine": machine})
    waits = []
    with lock(remote, waits.append):
        assert len(waits) > 1


@pytest.mark.parametrize("before", [None, {"host": "elsewhere"}])
def test_of_two_that_take_it_at_the_same_moment_one_has_it(remote, before):
    if before:
        remote.write_json(LEASE, before)
    last = 0 if before is None else 6

    def other_writes_after_us(wait):
        if wait == last:
            remote.write_json(LEASE, holder())

    with pytest.raises(RunFolderError, match="host elsewhere, process 7"), lock(remote, other_writes_after_us):
        pass
    assert read_lease(remote)["token"] == "t"


def test_a_lease_that_is_no_json_stands_still_too(remote):
    remote.write(LEASE, b"{half")
    with lock(remote):
        assert read_lease(remote)["pid"] == os.getpid()


def test_a_run_that_lost_its_lease_fails_and_leaves_the_others(remote):
    held = eager_lock(remote)

    def work():
        with held:
            while True:
                remote.write_json(LEASE, holder())
                held.check()

    with pytest.raises(RunFolderError, match=r"elsewhere.* took the folder over while this run stood still"):
        work()
    assert read_lease(remote)["token"] == "t"


def test_the_holder_beats(remote):
    with eager_lock(remote):
        while read_lease(remote).get("beats", 0) < 3:
            pass


def test_a_run_that_could_not_beat_in_time_fails_though_no_other_came(remote):
    """For another may be about to: those that watch it have seen as many beats without a change."""
    now = [0.0]
    held = RunLock(remote, wait=lambda seconds: None, clock=lambda: now[0])

    def work():
        with held:
            now[0] = 50.0
            held.check()
            now[0] = 51.0

    with pytest.raises(RunFolderError, match=r"could not show for 51 s that it lives.*run again"):
        work()


def test_a_late_beat_is_not_written_for_it_would_deceive_who_takes_over(remote, caplog):
    now = [0.0]

    def work():
        with eager_lock(remote, clock=lambda: now[0]):
            while read_lease(remote).get("beats", 0) < 3:
                pass
            now[0] = 1000.0
            while "this run will fail" not in caplog.text:
                pass
            beats = read_lease(remote)["beats"]
            while "heartbeat" in {thread.name for thread in threading.enumerate()}:
                pass
            assert read_lease(remote)["beats"] == beats

    with pytest.raises(RunFolderError, match="could not show"):
        work()


def test_a_lock_of_the_system_is_never_late(tmp_path):
    now = [0.0]
    with RunLock(RunFolder(str(tmp_path)).check_writable(), clock=lambda: now[0]) as held:
        now[0] = 10_000.0
        held.check()
