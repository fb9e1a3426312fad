"""Damaged marks and accounts of earlier runs: each is one line, or what it marks is made again with a warning."""

import json
import logging

import pytest

from babelsift.pipelines.run_folder.commit_marks import is_count, is_seconds, is_text
from babelsift.pipelines.run_folder.finished_run import read_funnel
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import Funnel, RunFolderError
from tests.support.damages import CONTENTS, with_wrong_values

KINDS = {"count": is_count, "end_time": is_seconds, "fingerprint": is_text}


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path))


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_mark_that_is_no_object_does_not_count_and_is_named(folder, caplog, content):
    folder.write("a_stats.json", content)
    with caplog.at_level(logging.WARNING):
        assert folder.read_commit_mark("a_stats.json", KINDS) is None
    if content != b"null":
        assert [record.getMessage().count("a_stats.json") for record in caplog.records] == [1]


@pytest.mark.parametrize("wrong", [{"count": -1}, {"count": True}, {"end_time": float("inf")}, {"fingerprint": 3}])
def test_a_mark_with_a_wrong_value_does_not_count(folder, caplog, wrong):
    good = {"count": 1, "end_time": 1.5, "fingerprint": "f"}
    folder.write_json("a", good)
    assert folder.read_commit_mark("a", KINDS) == good
    folder.write_json("a", good | wrong)
    assert folder.read_commit_mark("a", KINDS) is None
    assert f"{next(iter(wrong))} cannot be" in caplog.text


def test_a_mark_of_another_program_is_never_taken_for_a_damaged_one_of_ours(folder):
    folder.write_json("a", {"count": "many"})
    assert folder.read_commit_mark("a", KINDS) == {"count": "many"}


def test_a_mark_of_a_newer_version_counts(folder):
    content = {"fingerprint": "f", "count": 1, "of a newer version": [None]}
    folder.write_json("a", content)
    assert folder.read_commit_mark("a", KINDS) == content


FUNNEL = Funnel.from_counts({("read", "in", ""): 3, ("read", "out", ""): 2, ("read", "no_url", ""): 1}).to_json()
FUNNELS = {
    **{name: content for name, content in CONTENTS.items() if name != "null"},
    **{name: content for name, content in with_wrong_values(FUNNEL) if name.startswith("stages ")},
    "object": b"{}",
    **{
        name: json.dumps({**FUNNEL, "stages": [json.loads(content)]}).encode()
        for name, content in with_wrong_values(FUNNEL["stages"][0])
    },
}


@pytest.mark.parametrize("content", FUNNELS.values(), ids=FUNNELS)
def test_a_damaged_funnel_is_one_line_or_a_funnel(folder, content):
    folder.write("funnel.json", content)
    error, funnel = outcome(lambda: read_funnel(folder))
    if error is None:
        assert funnel.rejected_rows >= 0
        assert json.loads(json.dumps(funnel.to_json()))["stages"] is not None
    else:
        assert "funnel.json" in error
        assert "run `babelsift curate` again" in error
        assert len(error.splitlines()) == 1


def outcome(operation):
    """Returns (what an operation raised, what it returned), one of them None."""
    try:
        return None, operation()
    except RunFolderError as error:
        return str(error), None


def test_a_funnel_of_a_newer_version_is_read(folder):
    stages = [{**stage, "of a newer version": 1} for stage in FUNNEL["stages"]]
    folder.write_json("funnel.json", {**FUNNEL, "stages": stages, "also": []})
    assert read_funnel(folder).to_json() == FUNNEL
