"""What every store promises, on a disk, on an object store, and where a file is seen while it is being written."""

import errno
import os

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from babelsift.pipelines.storage.errors import Retries
from babelsift.pipelines.storage.local_store import LocalStore
from babelsift.pipelines.storage.object_store import ObjectStore
from babelsift.pipelines.storage.open_store import open_store
from babelsift.pipelines.storage.remote_store import StorageError
from babelsift.pipelines.storage.renaming_store import RenamingStore
from babelsift.pipelines.storage.store import Entry
from babelsift.schemas import RunFolderError

# As botocore has them: no OSErrors.
_BotocoreConnectionError = type("ConnectionError", (Exception,), {"__module__": "botocore.exceptions"})
DeadEndpoint = type("EndpointConnectionError", (_BotocoreConnectionError,), {"__module__": "botocore.exceptions"})
NoCredentials = type("NoCredentialsError", (Exception,), {"__module__": "botocore.exceptions"})


class Bucket(MemoryFileSystem):
    """An object store that counts its requests and fails those it is told to."""

    protocol = "s3"
    store, pseudo_dirs = {}, [""]
    cachable = False

    def __init__(self):
        super().__init__()
        self.store, self.requests, self.faults = {}, [], []

    def _request(self, name):
        self.requests.append(name)
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault

    def pipe_file(self, path, value, mode="overwrite", **options):
        self._request("put")
        return super().pipe_file(path, value, mode, **options)

    def cat_file(self, path, start=None, end=None, **options):
        self._request("get")
        return super().cat_file(path, start=start, end=end, **options)

    def rm_file(self, path):
        self._request("delete")
        return super().rm_file(path)


def bucket_store(**options):
    return ObjectStore(Bucket(), "/bucket/run", retries=Retries(attempts=3, wait=lambda seconds: None), **options)


@pytest.fixture(params=["local", "object", "s3", "renaming"])
def store(request, tmp_path):
    if request.param == "local":
        yield LocalStore(str(tmp_path / "run"))
    elif request.param == "s3":
        fs, root = fsspec.core.url_to_fs(request.getfixturevalue("s3_bucket").url("run"))
        yield open_store(fs, root)
    elif request.param == "object":
        yield bucket_store()
    else:
        memory = MemoryFileSystem()
        yield RenamingStore(memory, "/renaming")
        if memory.exists("/renaming"):
            memory.rm("/renaming", recursive=True)


def test_it_holds_what_was_put(store):
    store.put("shards/a.tar", b"first")
    store.put("shards/a.tar", b"0123456789")
    store.put("top", b"")
    assert store.read("shards/a.tar") == b"0123456789"
    assert [store.read_range("shards/a.tar", *some) for some in ((2, 5), (8, 20), (3, 3))] == [b"234", b"89", b""]
    assert [store.read_range(path, 10, 20) for path in ("shards/a.tar", "top")] == [b"", b""], "past the end"
    assert (store.size("shards/a.tar"), store.size("top")) == (10, 0)
    assert store.list("") == [Entry("shards", True, None), Entry("top", False, 0)]
    assert store.list("nowhere") == []
    assert store.find("") == {"shards/a.tar": 10, "top": 0}
    assert (store.find("shards"), store.find("nowhere")) == ({"shards/a.tar": 10}, {})
    assert [store.exists(path) for path in ("shards", "shards/a.tar", "top", "to")] == [True, True, True, False]
    store.delete("top")
    store.delete("top")
    assert store.find("") == {"shards/a.tar": 10}
    for missing in (store.read, store.open, store.size, lambda path: store.read_range(path, 0, 1)):
        with pytest.raises(FileNotFoundError):
            missing("top")


def test_a_file_is_read_from_anywhere_in_it(store):
    table = pa.table({"row": range(1000)})
    with store.writing("a.parquet") as file:
        pq.write_table(table, file)
    with store.open("a.parquet") as file:
        assert pq.read_table(file).equals(table)
        file.seek(-4, os.SEEK_END)
        assert (file.tell(), file.read(), file.read()) == (store.size("a.parquet") - 4, b"PAR1", b"")


def test_what_fails_half_way_leaves_nothing_and_the_older_file_whole(store):
    store.put("a", b"older")

    def write_half(path):
        with store.writing(path) as file:
            file.write(b"ha")
            raise ZeroDivisionError

    for path in ("a", "b"):
        with pytest.raises(ZeroDivisionError):
            write_half(path)
    assert (store.find(""), store.read("a")) == ({"a": 5}, b"older")


def test_of_two_that_put_if_absent_one_is_told_so(store):
    assert store.put_if_absent("lease", b"one")
    assert not store.put_if_absent("lease", b"two")
    assert store.put_if_absent("lease", b"one"), "as after an answer that was lost"
    assert store.read("lease") == b"one"
    assert store.find("") == {"lease": 3}


def test_a_disk_that_reads_back_otherwise_is_named_and_the_older_file_stays(tmp_path, monkeypatch):
    store = LocalStore(str(tmp_path))
    store.put("a", b"older")
    flush = os.fsync

    def flush_and_damage(descriptor):
        flush(descriptor)
        os.pwrite(descriptor, b"\0", 0)

    monkeypatch.setattr(os, "fsync", flush_and_damage)
    with pytest.raises(RunFolderError, match=r"a: does not read back as it was written; check the disk"):
        store.put("a", b"newer", read_back=True)
    assert (store.find(""), store.read("a")) == ({"a": 5}, b"older")


def test_without_hard_links_the_first_has_it_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    store = LocalStore(str(tmp_path))
    assert [store.put_if_absent("lease", content) for content in (b"one", b"two", b"one")] == [True, False, True]
    assert store.find("") == {"lease": 3}


def test_an_object_is_one_request_and_what_it_is_sent_is_stored_once():
    store = bucket_store()
    with store.writing("a", read_back=True) as file:
        for _ in range(1000):
            file.write(b"0123456789")
    assert store.fs.requests == ["put"]
    assert store.find("") == {"a": 10_000}


def test_a_large_object_is_sent_in_parts():
    store = bucket_store(put_bytes=100)
    with store.writing("a") as file:
        for digit in range(10):
            file.write(b"%d" % digit * 50)
    assert store.read("a") == b"".join(b"%d" % digit * 50 for digit in range(10))
    assert store.fs.requests == ["get"]


@pytest.mark.parametrize("fault", [DeadEndpoint("no"), OSError(errno.EBUSY, "SlowDown"), TimeoutError(), None])
def test_faults_that_pass_are_tried_again(fault):
    store = bucket_store()
    store.fs.faults = [fault, fault]
    store.put("a", b"content")
    store.fs.faults = [fault, fault]
    assert store.read("a") == b"content"
    store.fs.faults = [fault, fault]
    store.delete("a")
    assert store.find("") == {}


def test_faults_that_do_not_pass_are_one_line_at_once():
    store = bucket_store()
    store.fs.faults = [NoCredentials("Unable to locate\ncredentials")]
    with pytest.raises(
        RunFolderError, match=r"^cannot write /bucket/run/a: Unable to locate credentials; check .*credentials"
    ):
        store.put("a", b"")
    store.fs.faults = [DeadEndpoint("Could not connect")] * 3
    with pytest.raises(StorageError, match=r"^Could not connect$"):
        store.read("a")
    assert store.fs.requests == ["put", "get", "get", "get"]


def test_a_put_whose_answer_was_lost_was_put():
    store = bucket_store()
    put = store.fs.pipe_file

    def lose_the_answer(path, value, **options):
        put(path, value, **options)
        store.fs.pipe_file = put
        raise DeadEndpoint("lost")

    store.fs.pipe_file = lose_the_answer
    assert store.put_if_absent("lease", b"ours")


@pytest.mark.parametrize(("protocol", "kind"), [("s3", ObjectStore), ("gs", ObjectStore), ("sftp", RenamingStore)])
def test_which_file_systems_show_a_file_only_whole(protocol, kind):
    fs = fsspec.filesystem("memory")
    other = type("Other", (MemoryFileSystem,), {"protocol": protocol, "cachable": False})()
    assert type(open_store(other, "/run")) is kind
    assert type(open_store(fs, "/run")) is ObjectStore
