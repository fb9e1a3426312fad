"""Writers of an earlier run: whatever they still write, remove or rename is refused once a later run has begun."""

import os
import pickle
import re
import threading
import time
from types import SimpleNamespace

import pytest

from babelsift.pipelines.run_folder.fence import Fence, FencedStore, read_fence
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import Manifest, read_manifest, write_manifest
from babelsift.pipelines.run_folder.writers.claim import claim_folder
from babelsift.pipelines.run_folder.writers.lock import RunLock
from babelsift.pipelines.storage.s3_store import S3Store
from babelsift.schemas import RunFolderError
from tests.support.faulty_proxy import Fault

LATER = r"a later run \(epoch 2\) works in this folder, so this one \(epoch 1\) has stopped and commits nothing more"


@pytest.fixture(params=["local", "memory", "s3"])
def folder(request, tmp_path):
    if request.param == "s3":
        yield RunFolder(request.getfixturevalue("s3_bucket").url("run"))
        return
    folder = RunFolder(str(tmp_path / "run") if request.param == "local" else "memory://fenced")
    yield folder
    for path in folder.files_under(""):
        folder.remove(path)


def of_another_worker(folder):
    """The folder as a worker has it that has not looked yet whether it may commit."""
    return pickle.loads(pickle.dumps(folder))


COMMITS = {
    "write": lambda folder: folder.write("a", b"late"),
    "write_json": lambda folder: folder.write_json("a", {}),
    "put_if_absent": lambda folder: folder.store.put_if_absent("b", b"late"),
    "remove": lambda folder: folder.remove("a"),
    "save manifest": lambda folder: write_manifest(folder, Manifest(partitions=9)),
}


@pytest.mark.parametrize("commit", COMMITS.values(), ids=COMMITS)
def test_a_writer_of_an_older_epoch_commits_nothing(folder, commit):
    earlier = claim_folder(folder, "earlier")
    earlier.write("a", b"in time")
    write_manifest(earlier, Manifest(partitions=3))
    claim_folder(folder, "later")
    before = {path: folder.read(path) for path in folder.files_under("")}
    with pytest.raises(RunFolderError, match=LATER):
        commit(of_another_worker(earlier))
    assert {path: folder.read(path) for path in folder.files_under("")} == before
    assert read_manifest(folder).partitions == 3


def test_what_was_begun_before_is_refused_at_its_end(folder):
    earlier = claim_folder(folder, "earlier")

    def write_slowly():
        with earlier.writing("shards/a.tar") as file:
            file.write(b"half")
            claim_folder(folder, "later")
            file.write(b"the rest")

    with pytest.raises(RunFolderError, match=LATER):
        write_slowly()
    assert folder.files_under("shards") == []


def test_the_later_run_writes_and_the_earlier_one_may_read(folder):
    earlier = claim_folder(folder, "earlier")
    later = claim_folder(folder, "later")
    later.write("a", b"written")
    assert earlier.read("a") == earlier.open("a").read() == b"written"
    assert earlier.read_range("a", 0, 2) == b"wr"
    assert (earlier.size("a"), earlier.exists("a"), earlier.list("", "a")) == (7, True, ["a"])
    later.remove("a")


def test_of_two_that_take_the_same_epoch_the_last_one_has_it(folder):
    """As two runs would that both read the manifest before either wrote it."""
    first = claim_folder(folder, "first")
    content = folder.read_json("manifest.json")
    folder.write_json("manifest.json", content | {"run": "second"})
    with pytest.raises(RunFolderError, match="commits nothing more"):
        first.write("a", b"")


def test_a_manifest_edited_by_hand_is_read_all_the_same(folder):
    claimed = claim_folder(folder, "run")
    content = folder.read_json("manifest.json")
    folder.write_json("manifest.json", dict(reversed(content.items())))
    assert read_fence(folder.store) == Fence(1, "run")
    claimed.write("a", b"")
    folder.write_json("manifest.json", content | {"epoch": 7})
    with pytest.raises(RunFolderError, match="epoch 7"):
        of_another_worker(claimed).write("a", b"")


def test_epochs_go_on_from_a_folder_that_had_none(folder):
    write_manifest(folder, Manifest(partitions=3))
    content = folder.read_json("manifest.json")
    folder.write_json("manifest.json", {name: content[name] for name in content if name not in ("epoch", "run")})
    assert read_fence(folder.store) == Fence(0, "")
    claimed = claim_folder(folder, "run")
    assert claimed.fence == read_fence(folder.store) == Fence(1, "run")
    assert read_manifest(folder).partitions == 3


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"epoch": "x"}'])
def test_a_damaged_manifest_lets_nobody_commit(folder, content):
    claimed = claim_folder(folder, "run")
    folder.write("manifest.json", content)
    with pytest.raises(RunFolderError, match=r"manifest\.json is damaged"):
        claimed.write("a", b"")


class Stall:
    """Holds the first call of a function of `os` about a path: between a writer's look at the epoch and its commit."""

    def __init__(self, monkeypatch, name, path):
        self.reached, self.go_on = threading.Event(), threading.Event()
        function = getattr(os, name)

        def call(*arguments, **options):
            if not self.reached.is_set() and any(str(one).endswith(path) for one in arguments):
                self.reached.set()
                assert self.go_on.wait(60)
            return function(*arguments, **options)

        monkeypatch.setattr(os, name, call)


def late(commit, stall, meanwhile):
    """Has a commit stand still, something happen meanwhile, and the commit go on; returns what it raised."""
    raised = []

    def work():
        try:
            commit()
        except RunFolderError as error:
            raised.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    assert stall.reached.wait(60)
    meanwhile()
    stall.go_on.set()
    thread.join()
    [error] = raised
    return error


@pytest.mark.parametrize("has_written", [False, True])
@pytest.mark.parametrize(
    ("commit", "call"),
    [("write", "replace"), ("put_if_absent", "link"), ("remove", "replace")],
)
def test_a_writer_that_stood_still_between_look_and_commit_commits_nothing_on_a_disk(
    tmp_path, monkeypatch, commit, call, has_written
):
    folder = RunFolder(str(tmp_path / "run"))
    path = {"put_if_absent": "b"}.get(commit, "shards/a")
    name = path.rpartition("/")[2]
    earlier = claim_folder(folder, "earlier")
    earlier.write("shards/a", b"in time")
    commits = {
        "write": lambda: earlier.write(path, b"late"),
        "put_if_absent": lambda: earlier.store.put_if_absent(path, b"late"),
        "remove": lambda: earlier.remove(path),
    }
    stall = Stall(monkeypatch, call, name)
    expected = {}

    def begin_later():
        later = claim_folder(folder, "later")
        if has_written:
            later.write(path, b"later")
        expected.update({path: folder.read(path) for path in folder.files_under("")})

    assert re.search(LATER, late(commits[commit], stall, begin_later))
    assert {path: folder.read(path) for path in folder.files_under("")} == expected
    assert sorted(entry.name for entry in folder.store.list("shards")) == ["a"]


@pytest.mark.parametrize("bytes_before", [None, b"before"])
def test_a_put_that_was_under_way_goes_over_nothing_of_a_later_run(s3_bucket, bytes_before):
    folder = RunFolder(s3_bucket.url("run"))
    earlier = claim_folder(folder, "earlier")
    if bytes_before is not None:
        earlier.write("a", bytes_before)
    with s3_bucket.proxy.injecting(Fault.HELD, kind="put", key="run/a", times=1) as injection:
        stall = SimpleNamespace(reached=injection.waiting, go_on=injection.release)
        error = late(
            lambda: earlier.write("a", b"late"), stall, lambda: claim_folder(folder, "later").write("a", b"later")
        )
    assert re.search(LATER, error)
    assert folder.read("a") == b"later"


def test_a_delete_that_was_under_way_takes_nothing_of_a_later_run(s3_bucket):
    folder = RunFolder(s3_bucket.url("run"))
    earlier = claim_folder(folder, "earlier")
    earlier.write("a", b"before")
    with s3_bucket.proxy.injecting(Fault.HELD, kind="delete", key="run/a", times=1) as injection:
        stall = SimpleNamespace(reached=injection.waiting, go_on=injection.release)
        error = late(lambda: earlier.remove("a"), stall, lambda: claim_folder(folder, "later").write("a", b"later"))
    assert re.search(LATER, error)
    assert folder.read("a") == b"later"


def test_what_came_late_where_nothing_was_is_taken_back(s3_bucket):
    folder = RunFolder(s3_bucket.url("run"))
    fence = claim_folder(folder, "earlier").fence
    store = FencedStore(S3Store(folder.fs, folder.store.root, late_s=0), fence)
    with s3_bucket.proxy.injecting(Fault.HELD, kind="put", key="run/a", times=1) as injection:
        stall = SimpleNamespace(reached=injection.waiting, go_on=injection.release)
        error = late(lambda: store.put("a", b"late"), stall, lambda: claim_folder(folder, "later"))
    assert re.search(LATER, error)
    assert folder.files_under("") == ["manifest.json"]


def test_what_came_late_over_a_file_is_said(s3_bucket):
    folder = RunFolder(s3_bucket.url("run"))
    earlier = claim_folder(folder, "earlier")
    earlier.write("a", b"before")
    store = FencedStore(S3Store(folder.fs, folder.store.root, late_s=0), earlier.fence)
    with s3_bucket.proxy.injecting(Fault.HELD, kind="put", key="run/a", times=1) as injection:
        stall = SimpleNamespace(reached=injection.waiting, go_on=injection.release)
        error = late(lambda: store.put("a", b"late"), stall, lambda: claim_folder(folder, "later"))
    assert "has to be run again: it mends that file" in error


def test_a_later_run_goes_over_what_came_late(s3_bucket):
    folder = RunFolder(s3_bucket.url("run"))
    later = claim_folder(folder, "later")
    folder.write("a", b"of an earlier writer")
    later.write("a", b"later")
    assert folder.read("a") == b"later"


def test_a_large_file_is_committed_on_a_condition_too(s3_bucket):
    folder = RunFolder(s3_bucket.url("run"))
    earlier = claim_folder(folder, "earlier")
    store = FencedStore(S3Store(folder.fs, folder.store.root, put_bytes=100), earlier.fence)
    store.put("a", b"x" * 300)
    assert folder.read("a") == b"x" * 300
    with s3_bucket.proxy.injecting(Fault.LOST_ANSWER, kind="multipart", key="run/a", times=1, when=completes):
        store.put("a", b"y" * 300)
    assert folder.read("a") == b"y" * 300
    with s3_bucket.proxy.injecting(Fault.HELD, kind="multipart", key="run/a", when=completes, times=1) as injection:
        stall = SimpleNamespace(reached=injection.waiting, go_on=injection.release)
        error = late(lambda: store.put("a", b"z" * 300), stall, lambda: claim_folder(folder, "later").write("a", b"l"))
    assert re.search(LATER, error)
    assert folder.read("a") == b"l"


def test_uploads_that_nobody_ended_are_ended_as_a_run_begins(s3_bucket):
    folder = RunFolder(s3_bucket.url("run"))
    for key in ("run/shards/a.tar", "runner/a.tar"):
        folder.fs.call_s3("create_multipart_upload", Bucket=s3_bucket.name, Key=key)
    claim_folder(folder, "later")
    left = folder.fs.call_s3("list_multipart_uploads", Bucket=s3_bucket.name).get("Uploads", [])
    assert [upload["Key"] for upload in left] == ["runner/a.tar"]


def test_a_store_that_knows_no_conditions_is_written_to_all_the_same(s3_bucket):
    folder = RunFolder(s3_bucket.url("run"))
    claimed = claim_folder(folder, "run")
    with s3_bucket.proxy.injecting(Fault.NOT_IMPLEMENTED, when=lambda request: bool(request.condition)) as injection:
        claimed.write("a", b"content")
        claimed.write("a", b"more")
        assert folder.read("a") == b"more"
        claimed.remove("a")
    assert len(injection.met) == 3
    assert not folder.exists("a")


def completes(request):
    return request.method == "POST" and request.condition != ""


def test_a_killed_worker_s_leftovers_are_gone_once_a_run_has_begun(tmp_path):
    folder = RunFolder(str(tmp_path / "run"))
    claim_folder(folder, "earlier")
    temporary = ".writing-0123456789abcdef0123456789abcdef-a"
    for path in ("", "shards", "staging/scores/m/img_emb", "report", "notes/of/mine"):
        (tmp_path / "run" / path).mkdir(parents=True, exist_ok=True)
        (tmp_path / "run" / path / temporary).write_bytes(b"half")
    removed = tmp_path / "run/validation" / temporary
    removed.mkdir(parents=True)
    (removed / temporary).write_bytes(b"being removed")
    claim_folder(folder, "later")
    assert folder.files_under("") == ["manifest.json", f"notes/of/mine/{temporary}"]
    assert not removed.exists()


def test_a_commit_costs_one_small_request_more_and_commits_in_quick_succession_share_it(s3_bucket):
    claimed = claim_folder(RunFolder(s3_bucket.url("run")), "run")
    write_manifest(claimed, Manifest(partitions=3, facts={"long": "x" * 10**6}))
    claimed = of_another_worker(claimed)
    with s3_bucket.proxy.counting() as counts:
        claimed.write("a", b"")
    assert counts == {"get": 1, "put": 1}
    patient = FencedStore(S3Store(claimed.fs, claimed.store.root, late_s=600.0), claimed.fence)
    with s3_bucket.proxy.counting() as counts:
        for name in "abc":
            patient.put(name, b"")
            patient.put(name, b"again")
        patient.delete("a")
        patient.delete("a")
    assert counts == {"get": 1, "put": 6, "delete": 1}


def test_what_was_read_is_written_anew_without_a_look_at_it(s3_bucket):
    folder = RunFolder(s3_bucket.url("run"))
    folder = claim_folder(folder, "a", wait=lambda seconds: None)
    of_another_worker(folder).write_json("file.json", {"n": 1})
    folder.store.sweep([])  # nothing is remembered, as in another process
    assert folder.read_json("file.json") == {"n": 1}
    with s3_bucket.proxy.counting() as counts:
        folder.write_json("file.json", {"n": 2})
    assert counts == {"get": 1, "put": 1}  # the look at the epoch, and the file


def test_commits_at_once_share_one_look(s3_bucket):
    folder = claim_folder(RunFolder(s3_bucket.url("run")), "a", wait=lambda seconds: None)
    with s3_bucket.proxy.counting() as counts:
        folder.write_all({f"{number}": b"" for number in range(5)})
    assert counts == {"get": 1, "put": 5}


def test_what_a_writer_saw_after_its_look_is_no_leave_to_go_over_it(s3_bucket):
    """A listing shows what a later run has put there, after the look that allowed this writer to commit."""
    folder = RunFolder(s3_bucket.url("run"))
    earlier = claim_folder(folder, "earlier")
    patient = FencedStore(S3Store(folder.fs, folder.store.root, late_s=600.0), earlier.fence)
    patient.put("b", b"")
    later = claim_folder(folder, "later", wait=lambda seconds: None)
    later.write("a", b"later")
    assert [entry.name for entry in patient.list("")] == ["a", "b", "manifest.json"]
    with pytest.raises(RunFolderError, match=LATER):
        patient.put("a", b"earlier")
    assert folder.read("a") == b"later"


def test_a_look_from_before_the_machine_slept_is_none(s3_bucket, monkeypatch):
    """Of the two clocks of Linux one stands still meanwhile."""
    folder = RunFolder(s3_bucket.url("run"))
    earlier = claim_folder(folder, "earlier")
    earlier.write("a", b"")
    awake = time.clock_gettime
    claim_folder(folder, "later", wait=lambda seconds: None)
    monkeypatch.setattr(time, "clock_gettime", lambda clock: awake(clock) + 3600 * (clock == time.CLOCK_BOOTTIME))
    with pytest.raises(RunFolderError, match=LATER):
        earlier.write("b", b"")
    assert folder.files_under("") == ["a", "manifest.json"]


def test_a_run_that_begins_waits_until_what_an_earlier_one_was_allowed_is_there(s3_bucket, tmp_path):
    waits = {}
    for name, folder in (("s3", RunFolder(s3_bucket.url("run"))), ("disk", RunFolder(str(tmp_path / "run")))):
        waits[name] = []
        for run in ("earlier", "later"):
            claim_folder(folder, run, wait=waits[name].append)
    assert waits == {"s3": [2.0], "disk": [0.0]}


def test_without_an_answer_nobody_commits(s3_bucket):
    claimed = claim_folder(RunFolder(s3_bucket.url("run")), "run")
    with (
        s3_bucket.proxy.injecting(Fault.UNAVAILABLE, kind="get"),
        pytest.raises(RunFolderError, match=r"cannot read \S*manifest\.json: .*run the same command again"),
    ):
        claimed.write("a", b"")
    assert not claimed.exists("a")


def test_a_run_that_lost_its_lock_commits_nothing_though_no_other_has_begun(s3_bucket):
    now = [0.0]
    lock = RunLock(RunFolder(s3_bucket.url("run")), wait=lambda seconds: None, clock=lambda: now[0])

    def work():
        with lock:
            folder = claim_folder(lock.folder, lock.token)
            folder.write("a", b"in time")
            now[0] = 51.0
            folder.write("a", b"late")

    with pytest.raises(RunFolderError, match="could not show for 51 s that it lives"):
        work()
    assert lock.folder.read("a") == b"in time"
