"""A pool that forks what does one thing with a request, and the pool that babelsift runs, asked as runners ask."""

import contextlib
import os
import signal
import socket
import subprocess
import sys

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.portable_runner import PortableRunner

from babelsift.pipelines.workers.requests import WorkerRequest, ask_for_worker, default_socket, worker_status
from babelsift.pipelines.workers.service import run_pool
from babelsift.schemas import RunnerError
from tests.support.process_tree import children_of, parent_of

# Each worker says who it is and where, and does what its name says.
POOL = """
import os, sys, time
from pathlib import Path
from babelsift.pipelines.workers.pool import WorkerPool

pool = WorkerPool(Path(sys.argv[1]), float(sys.argv[2]) if sys.argv[2:] else None)
print("ready", flush=True)
request = pool.serve()
if request is None:
    sys.exit(0)
print(os.getpid(), os.getcwd(), os.environ.get("GREETING"), flush=True)
if request.worker_id == "lasts":
    time.sleep(1000)
sys.exit(int(request.worker_id))
"""
# Asks for a worker, and is gone when its standard input is.
CLIENT = """
import sys
from babelsift.pipelines.workers.requests import WorkerRequest, ask_for_worker
connection = ask_for_worker(sys.argv[1], WorkerRequest("lasts", "localhost:1"))
sys.stdin.read()
"""


@pytest.fixture
def pool(tmp_path):
    with started(tmp_path / "pool.sock") as process:
        yield process
        process.terminate()
        assert process.wait() == 0


def started(path, *arguments):
    command = [sys.executable, "-c", POOL, str(path), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    return process


def client_of(path):
    """A process that has asked for a worker; what the worker writes comes by its standard output."""
    return subprocess.Popen([sys.executable, "-c", CLIENT, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def client_answer(path):
    """The exit status of a worker that was asked to end with 3."""
    with ask_for_worker(str(path), WorkerRequest("3", "localhost:1")) as connection:
        return os.waitstatus_to_exitcode(worker_status(connection))


def test_a_worker_is_a_fork_with_the_askers_output_environment_and_folder(pool, tmp_path, capfd):
    request = WorkerRequest("3", "localhost:1", {"GREETING": "hello"}, str(tmp_path))
    with ask_for_worker(str(tmp_path / "pool.sock"), request) as connection:
        assert os.waitstatus_to_exitcode(worker_status(connection)) == 3
    pid, folder, greeting = capfd.readouterr().out.split()
    assert (folder, greeting) == (str(tmp_path), "hello")
    assert int(pid) != pool.pid


def test_workers_run_beside_each_other_and_the_pool_goes_on(pool, tmp_path):
    with client_of(tmp_path / "pool.sock") as first, client_of(tmp_path / "pool.sock") as second:
        workers = {int(client.stdout.readline().split()[0]) for client in (first, second)}
        assert workers == set(children_of(pool.pid))
        first.stdin.close()
        assert first.stdout.read() == b""  # its worker has ended with it
        assert len(children_of(pool.pid)) == 1
        second.stdin.close()
        assert second.stdout.read() == b""


def test_a_worker_ends_with_a_killed_pool(tmp_path):
    with started(tmp_path / "pool.sock") as pool, client_of(tmp_path / "pool.sock") as client:
        client.stdout.readline()
        pool.kill()
        client.stdin.close()
        assert client.stdout.read() == b""


def test_whoever_asked_learns_that_the_pool_has_ended(tmp_path):
    with (
        started(tmp_path / "pool.sock") as pool,
        ask_for_worker(str(tmp_path / "pool.sock"), WorkerRequest("lasts", "localhost:1")) as connection,
    ):
        pool.kill()
        assert worker_status(connection) is None


def test_a_pool_that_is_told_to_end_ends_its_workers(tmp_path):
    with (
        started(tmp_path / "pool.sock") as pool,
        ask_for_worker(str(tmp_path / "pool.sock"), WorkerRequest("lasts", "localhost:1")) as connection,
    ):
        while not children_of(pool.pid):
            os.sched_yield()
        pool.terminate()
        # The pool's signal, or the system's where the pool was gone before.
        assert os.waitstatus_to_exitcode(worker_status(connection)) in (-signal.SIGTERM, -signal.SIGKILL)
        assert pool.wait() == 0
    assert not (tmp_path / "pool.sock").exists()


def test_who_asks_for_nothing_costs_nothing(pool, tmp_path):
    for words in (b"", b".", b"nonsense that is no request"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(tmp_path / "pool.sock"))
            connection.sendall(words)
    with ask_for_worker(str(tmp_path / "pool.sock"), WorkerRequest("0", "localhost:1")) as connection:
        assert worker_status(connection) == 0


def test_an_idle_pool_ends(tmp_path):
    with started(tmp_path / "pool.sock", "0.1") as pool:
        assert pool.wait() == 0


def test_a_folder_that_others_can_write_is_no_place_for_a_pool(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert default_socket().parent.parent == tmp_path
    default_socket().parent.chmod(0o777)
    with pytest.raises(PermissionError, match="can be written by others"):
        default_socket()


def test_what_is_imported_starts_no_thread():
    program = "from babelsift.pipelines.workers.preload import preload; preload(); import threading as t"
    program += "; print([thread.name for thread in t.enumerate()])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['MainThread']"


@contextlib.contextmanager
def external_pool(tmp_path):
    """A pool of babelsift's own, which imports everything: (process, host:port)."""
    with socket.create_server(("localhost", 0)) as free:
        address = f"localhost:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "babelsift", "worker-pool", "--listen", address, "--socket", str(tmp_path / "s")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while "workers at" not in (line := process.stderr.readline()):
            assert line, "the pool has ended"
        try:
            yield process, address
        finally:
            process.kill()


def check_that_it_is_forked(_, pool):
    """Runs in a worker."""
    assert os.getppid() == pool
    assert "torch" in sys.modules


def test_a_runner_gets_workers_that_have_imported_all_and_the_pool_ends_with_the_service_that_it_asks(tmp_path):
    with external_pool(tmp_path) as (process, address):
        [service] = children_of(process.pid)
        options = ["--job_endpoint=embed", "--environment_type=EXTERNAL", f"--environment_config={address}"]
        for _ in range(2):
            with beam.Pipeline(PortableRunner(), options=PipelineOptions(options)) as pipeline:
                _ = pipeline | beam.Create([1]) | beam.Map(check_that_it_is_forked, pool=process.pid)
        while children_of(process.pid) != [service]:
            os.sched_yield()
        assert parent_of(service) == process.pid
        os.kill(service, signal.SIGKILL)
        _, errors = process.communicate()
    assert process.returncode == 1
    assert "has ended; start it anew" in errors


def test_a_socket_that_cannot_be_had_is_said_in_one_line_and_nothing_is_removed(tmp_path, pool):
    file, long, lost = tmp_path / "pairs.parquet", tmp_path / ("x" * 120), tmp_path / "no/folder.sock"
    file.write_bytes(b"pairs")
    for path in (file, long, lost, tmp_path / "pool.sock"):
        with pytest.raises(RunnerError, match=rf"^--socket {path}: .*; name another, or leave it out"):
            run_pool(path, None, None)
    assert file.read_bytes() == b"pairs"
    assert client_answer(tmp_path / "pool.sock") == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((None, float("nan")), "--idle-s nan"),
        ((None, -1.0), "--idle-s -1"),
        (("localhost:0", None), "no port 0: ports are"),
    ],
)
def test_odd_values_are_one_line(tmp_path, given, said):
    with pytest.raises(RunnerError, match=said):
        run_pool(tmp_path / "pool.sock", *given)


def test_an_address_that_is_taken_is_said_before_anything_is_imported(tmp_path):
    with socket.create_server(("localhost", 0)) as taken:
        address = f"localhost:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "babelsift", "worker-pool", "--listen", address]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"--listen {address}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
