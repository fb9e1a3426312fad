from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.faulty_proxy import FaultyProxy
from tests.support.hostile_web import HostileWeb
from tests.support.s3_server import S3Bucket, S3Server, running_s3_server, s3_environment

# The repository's root is on the path, for `tests` and `benchmarks`; the folders in it have one name, in `babelsift`.
for folder in ("filters", "pipelines", "schemas"):
    sys.modules[folder] = None

# Tests start many processes, and each would compile some three thousand modules (torch, Beam, numba) anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A property is true or false however busy the machine is; a hang is pytest-timeout's affair.
settings.register_profile("babelsift", deadline=None)
settings.load_profile("babelsift")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Names long bytes by their length: gzip's have the time in them, and all processes have to name tests alike."""
    return f"{len(val)} bytes" if isinstance(val, bytes) and len(val) > 40 else None


@pytest.fixture(autouse=True)
def _interrupts_are_heard() -> Iterator[None]:
    """A shell ignores interrupts for what it starts in the background, and a command for its process once it was."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def hostile_web() -> Iterator[HostileWeb]:
    with HostileWeb() as web:
        yield web


@pytest.fixture
def hostile_tls_web() -> Iterator[HostileWeb]:
    with HostileWeb(tls=True) as web:
        yield web


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with running_s3_server() as server:
        yield server


_bucket_numbers = itertools.count(1)


@pytest.fixture
def s3_bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Bucket]:
    """An empty bucket on a real S3 server, which this process and its children reach through a proxy of faults."""
    import s3fs

    with FaultyProxy(s3_server.port) as proxy:
        for name, value in s3_environment(proxy.endpoint).items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        name = f"bucket-{next(_bucket_numbers)}"
        yield S3Bucket(name, s3_server.make_bucket(name), proxy)
        s3fs.S3FileSystem.clear_instance_cache()
