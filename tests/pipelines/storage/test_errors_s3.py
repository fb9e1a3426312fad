"""What a real S3 client raises when a real S3 server fails, and what is made of it."""

import socket

import pytest
import s3fs

from babelsift.pipelines.storage.errors import describe_storage_error, is_passing, is_storage_error, retrying
from babelsift.pipelines.storage.open_store import open_store
from tests.support.faulty_proxy import Fault

PASSING = (Fault.UNAVAILABLE, Fault.RESET, Fault.LOST_ANSWER, Fault.CUT_ANSWER, Fault.CHANGED_ANSWER)


@pytest.fixture
def store(s3_bucket):
    (s3_bucket.folder / "folder").mkdir()
    (s3_bucket.folder / "folder" / "file").write_bytes(b"content")
    return s3fs.S3FileSystem()


def raised(operation):
    with pytest.raises(Exception) as caught:  # noqa: PT011 of whatever kind it is
        operation()
    return caught.value


@pytest.mark.parametrize("fault", PASSING)
def test_a_read_is_tried_again_until_the_outage_is_over(store, s3_bucket, fault):
    store.pipe_file(f"{s3_bucket.name}/stored", b"content")  # by the client, so with a checksum
    with s3_bucket.proxy.injecting(fault, kind="get", times=2) as injection:
        assert retrying(lambda: store.cat_file(f"{s3_bucket.name}/stored")) == b"content"
    assert len(injection.met) == 2


@pytest.mark.parametrize("fault", [*PASSING[:3], Fault.FORBIDDEN])
@pytest.mark.parametrize("kind", ["get", "put", "list", "head", "delete"])
def test_an_outage_can_pass_and_a_refusal_cannot(store, s3_bucket, fault, kind):
    folder, file = f"{s3_bucket.name}/folder", f"{s3_bucket.name}/folder/file"
    operation = {
        "get": lambda: store.cat_file(file),
        "put": lambda: store.pipe_file(file, b"content"),
        "list": lambda: store.ls(folder, refresh=True),
        "head": lambda: store.info(file, refresh=True),
        "delete": lambda: store.rm_file(file),
    }[kind]
    with s3_bucket.proxy.injecting(fault, kind=kind) as injection:
        error = raised(operation)
    assert injection.met
    assert is_storage_error(error)
    assert is_passing(error) == (fault is not Fault.FORBIDDEN)
    remedy = "check the permissions, or the credentials" if fault is Fault.FORBIDDEN else "run the same command again"
    assert remedy in describe_storage_error(error)


@pytest.mark.parametrize("fault", [Fault.CUT_ANSWER, Fault.CHANGED_ANSWER])
def test_an_answer_that_is_never_whole_can_pass(store, s3_bucket, fault):
    store.pipe_file(f"{s3_bucket.name}/stored", b"content")
    with s3_bucket.proxy.injecting(fault, kind="get"):
        error = raised(lambda: store.cat_file(f"{s3_bucket.name}/stored"))
    assert is_passing(error)
    assert "run the same command again" in describe_storage_error(error)


def test_a_dead_endpoint_can_come_back(store, s3_bucket, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        dead = s3fs.S3FileSystem(skip_instance_cache=True)
        error = raised(lambda: dead.cat_file(f"{s3_bucket.name}/folder/file"))
    assert is_passing(error)
    assert "run the same command again" in describe_storage_error(error)


def test_no_credentials_name_where_to_look(store, s3_bucket, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    anonymous = s3fs.S3FileSystem(skip_instance_cache=True)
    error = raised(lambda: anonymous.pipe_file(f"{s3_bucket.name}/folder/file", b""))
    assert not is_passing(error)
    assert "check the permissions, or the credentials" in describe_storage_error(error)


def test_wrong_credentials_cannot_pass(store, s3_bucket, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    error = raised(lambda: s3fs.S3FileSystem(skip_instance_cache=True).cat_file(f"{s3_bucket.name}/folder/file"))
    assert not is_passing(error)
    assert "check the permissions, or the credentials" in describe_storage_error(error)


def test_an_object_without_a_tag_is_read(s3_bucket):
    """A server that shows a disk has none for a file that somebody put there."""
    (s3_bucket.folder / "file").write_bytes(b"content")
    store = open_store(s3fs.S3FileSystem(), s3_bucket.name)
    assert store.read("file") == b"content"
    assert store.size("file") == 7
