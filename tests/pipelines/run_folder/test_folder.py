import pickle
import threading
from functools import partial

import fsspec
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import RunFolderError


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path):
    """On a local disk, and on a file system that is no disk."""
    if request.param == "local":
        yield RunFolder(str(tmp_path / "run"))
    else:
        yield RunFolder("memory://run")
        memory = fsspec.filesystem("memory")
        if memory.exists("/run"):
            memory.rm("/run", recursive=True)


def test_what_was_written_reads_back_and_is_listed(folder):
    folder.write("shards/b.tar", b"b")
    folder.write("shards/a.tar", b"a")
    folder.write_json("shards/a.json", {"é": 1})
    assert folder.list("shards", ".tar") == ["a.tar", "b.tar"]
    assert folder.open("shards", "b.tar").read() == b"b"
    assert folder.read_json("shards", "a.json") == {"é": 1}
    assert folder.read_json("shards", "none.json") is None
    assert folder.list("nowhere") == []


def test_a_file_that_fails_half_way_never_has_its_name_nor_replaces_the_old_one(folder):
    folder.write("shards/a.tar", b"whole")

    def write_half():
        with folder.writing("shards/a.tar") as file:
            file.write(b"ha")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert folder.open("shards", "a.tar").read() == b"whole"
    assert folder.files_under("shards") == ["shards/a.tar"]


def test_leftovers_of_the_killed_are_not_listed(folder):
    folder.write("shards/a.tar", b"a")
    folder.write("shards/.writing-0123456789abcdef0123456789abcdef-b.tar", b"half")
    assert folder.list("shards") == ["a.tar"]


def test_it_pickles_without_its_file_system(folder):
    folder.write("a", b"a")
    assert pickle.loads(pickle.dumps(folder)).open("a").read() == b"a"


def test_removing_what_is_not_there_is_fine(folder):
    folder.write("a", b"a")
    folder.remove("a")
    folder.remove("a")
    assert not folder.exists("a")


def test_a_folder_that_cannot_be_written_is_one_clear_line():
    with pytest.raises(RunFolderError, match=r"^--output /proc/nowhere: cannot be written: .*; choose another folder$"):
        RunFolder("/proc/nowhere").check_writable()


def test_a_file_in_the_place_of_a_folder_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"^--output \S*/file: is a file; name a folder$"):
        RunFolder(str(tmp_path / "file")).check_writable()
    with pytest.raises(RunFolderError, match=r"^--output \S*/file/out: cannot be written: Not a directory"):
        RunFolder(str(tmp_path / "file" / "out")).check_writable()


def test_json_that_is_none_is_named(folder):
    folder.write("a.json", b"{")
    with pytest.raises(RunFolderError, match=r"a\.json is not JSON.*remove it and run again"):
        folder.read_json("a.json")


def test_steps_all_run_and_the_first_error_is_raised(folder):
    """On a disk one after another, elsewhere at once: none waits for one that waits for it."""
    is_far, met = not folder.is_local, threading.Barrier(2, timeout=20)

    def step(number):
        if is_far:
            met.wait()
        if number:
            raise RunFolderError(f"step {number}")
        return number

    assert folder.do_all([]) == []
    with pytest.raises(RunFolderError, match="step 1"):
        folder.do_all([partial(step, number) for number in (0, 1)])


def test_several_files_are_written_by_one_call(folder):
    folder.write_all({"a": b"1", "b/c": b"2"})
    assert (folder.read("a"), folder.read("b/c")) == (b"1", b"2")
