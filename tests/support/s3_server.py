"""A real S3 server on loopback: versitygw, over a folder of this machine.

`make test` builds it where Go is installed. Without it the tests that need a server are skipped, and say so.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from babelsift.pipelines.processes import start_child
from tests.support.faulty_proxy import FaultyProxy

ACCESS_KEY, SECRET_KEY = "tester", "testing-secret"
_START_S = 60.0
# The signal at a parent's death stays with a process that becomes another program: killed tests leave no server behind.
_START = """
import os, sys
from babelsift.pipelines.processes import end_with_parent
end_with_parent(int(sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True)
class S3Server:
    """A running server.

    Attributes:
        port: on loopback.
        folder: each folder in it is a bucket, each file below an object.
    """

    port: int
    folder: Path

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def make_bucket(self, name: str) -> Path:
        """Makes a bucket; returns its folder."""
        bucket = self.folder / name
        bucket.mkdir()
        return bucket


@dataclass(frozen=True)
class S3Bucket:
    """A bucket, reached through a proxy.

    Attributes:
        folder: where its objects lie on this machine, as files.
    """

    name: str
    folder: Path
    proxy: FaultyProxy

    def url(self, key: str = "") -> str:
        return f"s3://{self.name}/{key}"


def s3_environment(endpoint: str) -> dict[str, str]:
    """Returns the environment in which every S3 client talks to an endpoint, and each side is soon out of patience."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "BABELSIFT_STORAGE_PATIENCE_S": "0.3",
    }


def versitygw() -> str:
    """Returns the server's program; skips the test where there is none."""
    beside = Path(sys.executable).with_name("versitygw")
    program = str(beside) if beside.exists() else shutil.which("versitygw")
    if program is None:
        pytest.skip("no S3 server: `make test` builds versitygw where Go is installed (https://go.dev/dl)")
    return program


@contextlib.contextmanager
def running_s3_server() -> Iterator[S3Server]:
    """Runs a server on a free port while the context lasts, over a folder that is removed with it."""
    program = versitygw()
    with tempfile.TemporaryDirectory(prefix="s3-") as home:
        data = Path(home, "data")
        data.mkdir()
        port = _free_port()
        command = [program, "--access", ACCESS_KEY, "--secret", SECRET_KEY, "--port", f"127.0.0.1:{port}", "--quiet"]
        command += ["--health", "/healthy", "posix", "--sidecar", str(Path(home, "metadata")), str(data)]
        Path(home, "metadata").mkdir()
        with Path(home, "log").open("wb") as log:
            starter = [sys.executable, "-c", _START, str(os.getpid()), *command]
            process = start_child(starter, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_healthy(process, port, Path(home, "log"))
            yield S3Server(port, data)
        finally:
            process.kill()
            process.wait()


def _wait_until_healthy(process: subprocess.Popen, port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_START_S)
        with contextlib.suppress(ConnectionRefusedError):
            connection.request("GET", "/healthy")
            if connection.getresponse().status == 200:
                return
        connection.close()
        time.sleep(0.02)
    raise RuntimeError(f"versitygw did not start:\n{log.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
