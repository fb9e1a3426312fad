"""Progress on standard error, and `babelsift watch`."""

import json
import logging
import threading
from argparse import Namespace

import pytest

from babelsift.pipelines.cli.log_lines import show_log_lines
from babelsift.pipelines.cli.main import main
from babelsift.pipelines.cli.progress_display import progress_shown
from babelsift.pipelines.core.tally import current_tally
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.progress.files import PROGRESS_FOLDER

RULES = {"began": 2.0, "latest": 9.0, "counts": {"in_rows": 70, "out_rows": 50}}
DRIVER = {
    "at": 10.0,
    "began": 1.0,
    "plan": {"stages": ["read", "rules"], "rows": 100},
    "stages": {"rules": RULES},
    "state": "running",
}


@pytest.fixture(autouse=True)
def logging_as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def shown(known, looks=3):
    """Shows progress until somebody has looked some times."""
    enough, count = threading.Event(), iter(range(looks))

    def poll():
        if next(count, None) is None:
            enough.set()
        return [DRIVER]

    with progress_shown(known, poll, line_every_s=0.001):
        if not getattr(known, "quiet", False):
            assert current_tally().is_shown
            enough.wait()
    assert not current_tally().is_shown


def test_where_there_is_no_terminal_it_is_lines(capsys):
    show_log_lines(verbose=False)
    shown(Namespace())
    line = capsys.readouterr().err.splitlines()[0]
    assert "progress: rules, stage 2 of 2: 70 of 100 rows (70%)" in line


def test_as_json_the_facts_are_beside_the_text(capsys):
    show_log_lines(verbose=False, as_json=True)
    shown(Namespace(log_format="json"))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert lines[0]["level"] == "info"
    assert lines[0]["message"].startswith("progress: rules")
    assert lines[0]["progress"].items() >= {"stage": "rules", "rows": 70, "number": 2}.items()


def test_quiet_is_silent(capsys):
    show_log_lines(verbose=False, quiet=True)
    shown(Namespace(quiet=True))
    assert capsys.readouterr().err == ""


@pytest.fixture
def out(tmp_path):
    folder = RunFolder(str(tmp_path))
    folder.write_json(f"{PROGRESS_FOLDER}/driver.json", DRIVER | {"state": "done"})
    return str(tmp_path)


def test_a_run_that_has_ended_is_accounted_for_in_time(out, capsys):
    assert main(["watch", out]) == 0
    _, rules, last = capsys.readouterr().out.splitlines()
    assert rules.split() == ["rules", "1s", "7s", "70", "10"]
    assert last == "done after 9 s"


def test_a_run_is_watched_until_it_ends(out, capsys):
    folder = RunFolder(out)
    folder.write_json(f"{PROGRESS_FOLDER}/driver.json", DRIVER)
    ending = threading.Timer(0.3, folder.write_json, [f"{PROGRESS_FOLDER}/driver.json", DRIVER | {"state": "failed"}])
    ending.start()
    assert main(["watch", out, "--every", "0.05"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "failed after 9 s"


def test_a_run_is_looked_at_once(out, capsys):
    RunFolder(out).write_json(f"{PROGRESS_FOLDER}/driver.json", DRIVER)
    assert main(["watch", out, "--once"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("rules, stage 2 of 2: 70 of 100 rows (70%)")
    assert line.endswith(" ago")


def test_the_same_for_programs(out, capsys):
    assert main(["watch", out, "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["state"], seen["stage"]) == ("done", "rules")
    assert seen["stage_timings"][0]["in_rows"] == 70


def test_a_folder_without_a_run_is_one_line(tmp_path, capsys):
    assert main(["watch", str(tmp_path)]) == 2
    assert "no run has told how far it is" in capsys.readouterr().err
