import subprocess
import sys

import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.progress.files import PROGRESS_FOLDER, ProgressFile, read_progress, tell_from_worker
from babelsift.pipelines.run_folder.writers.claim import claim_folder

COUNTED = {"at": 5.0, "began": 1.0, "stages": {}}


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path / "run"))


def test_a_run_that_is_done_says_so(folder):
    with ProgressFile(folder, lambda: COUNTED):
        pass
    [driver] = read_progress(folder)
    assert driver.items() >= (COUNTED | {"state": "done", "is_driver": True}).items()
    assert driver["memory_bytes"] > 0


def test_it_is_written_while_the_run_goes_on_and_says_that_it_failed(folder):
    def run():
        with ProgressFile(folder, lambda: COUNTED, every_s=0.01):
            while not (files := read_progress(folder)):
                pass
            assert files[0]["state"] == "running"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert read_progress(folder)[0]["state"] == "failed"


def test_an_earlier_runs_end_is_not_taken_for_this_ones(folder):
    with ProgressFile(folder, lambda: COUNTED):
        pass
    with ProgressFile(folder, lambda: COUNTED):
        assert read_progress(folder)[0]["state"] == "running"


def test_a_run_that_fails_at_once_leaves_nothing(folder):
    with pytest.raises(ValueError, match="soon"), ProgressFile(folder, lambda: COUNTED):
        raise ValueError("soon")
    assert folder.files_under("") == []


def test_a_run_does_not_fail_for_what_cannot_be_written(tmp_path):
    (tmp_path / "run").write_text("no folder")
    with ProgressFile(RunFolder(str(tmp_path / "run")), lambda: COUNTED):
        pass


def test_workers_of_an_earlier_run_and_damaged_files_are_passed_over(folder):
    folder.write_json(f"{PROGRESS_FOLDER}/driver.json", COUNTED | {"began": 100.0, "at": 105.0})
    folder.write_json(f"{PROGRESS_FOLDER}/early-1.json", COUNTED)
    folder.write_json(f"{PROGRESS_FOLDER}/a-2.json", COUNTED | {"at": 104.0})
    folder.write(f"{PROGRESS_FOLDER}/b-3.json", b"{")
    folder.write(f"{PROGRESS_FOLDER}/c-4.json", b"[]")
    assert [process["at"] for process in read_progress(folder)] == [105.0, 104.0]


def test_a_worker_beside_the_driver_does_not_tell_a_second_time(folder):
    claimed = claim_folder(folder, "run")
    with ProgressFile(claimed, lambda: COUNTED):
        tell_from_worker(claimed, lambda: COUNTED)
    assert len(read_progress(claimed)) == 1


WORKER = """
import sys
from babelsift.pipelines.run_folder.writers.claim import claim_folder
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.progress.files import tell_from_worker
tell_from_worker(claim_folder(RunFolder(sys.argv[1]), "run"), lambda: {"stages": {"read": {}}})
"""


def test_a_worker_that_is_done_at_once_has_told(folder):
    subprocess.run([sys.executable, "-c", WORKER, folder.url], check=True)
    assert [process["stages"] for process in read_progress(folder)] == [{"read": {}}]
