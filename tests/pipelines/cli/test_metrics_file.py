import threading

import pytest

from babelsift.pipelines.cli.metrics_file import metrics_written
from babelsift.schemas import InputError


class Run:
    """A run whose counts are asked for; tells when they have been asked for several times."""

    def __init__(self):
        self.polls = 0
        self.was_polled_again = threading.Event()

    def poll(self):
        self.polls += 1
        if self.polls > 2:
            self.was_polled_again.set()
        return [{"at": float(self.polls), "stages": {}}]


def state_of(path):
    return [
        line for line in path.read_text().splitlines() if line.startswith("babelsift_run_state") and line[-1] == "1"
    ]


def test_the_file_is_written_again_and_again_and_says_how_the_run_ended(tmp_path):
    run, path = Run(), tmp_path / "run.prom"
    with metrics_written(path, run.poll, every_s=0.01):
        assert state_of(path) == ['babelsift_run_state{state="running"} 1']
        assert run.was_polled_again.wait(30)
    assert state_of(path) == ['babelsift_run_state{state="done"} 1']
    with pytest.raises(ValueError, match="no"), metrics_written(path, run.poll):
        raise ValueError("no")
    assert state_of(path) == ['babelsift_run_state{state="failed"} 1']
    assert [file.name for file in tmp_path.iterdir()] == ["run.prom"]


def test_a_file_that_cannot_be_written_is_said_before_the_run(tmp_path):
    written = metrics_written(tmp_path / "none" / "run.prom", Run().poll)
    with pytest.raises(InputError, match=r"--metrics-file .*: cannot be written"), written:
        raise AssertionError("the run began")
