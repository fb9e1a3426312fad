"""Writers of an earlier run: whatever they still write, remove or rename is refused once a later run has begun."""

import pickle

import pytest

from babelsift.pipelines.run_folder.claim import claim_folder
from babelsift.pipelines.run_folder.fence import Fence, read_fence
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.lock import RunLock
from babelsift.pipelines.run_folder.manifest import Manifest, read_manifest, write_manifest
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
        commit(pickle.loads(pickle.dumps(earlier)))  # as it is in a worker
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
        claimed.write("a", b"")


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


def test_a_commit_costs_one_small_request_more(s3_bucket):
    claimed = claim_folder(RunFolder(s3_bucket.url("run")), "run")
    write_manifest(claimed, Manifest(partitions=3, facts={"long": "x" * 10**6}))
    before = dict(s3_bucket.proxy.counts)
    claimed.write("a", b"")
    more = {kind: count - before.get(kind, 0) for kind, count in s3_bucket.proxy.counts.items()}
    assert {kind: count for kind, count in more.items() if count} == {"get": 1, "put": 1}


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
