"""The file of labels, which others may write, too."""

import csv

import pytest

from babelsift.pipelines.explorer.labels import BAD, GOOD, Labels
from babelsift.schemas import InputError


def _written(path):
    with path.open(encoding="utf-8", newline="") as file:
        return {row["uid"]: row["label"] for row in csv.DictReader(file)}


def test_two_explorers_keep_each_other_s_labels(tmp_path):
    path = tmp_path / "labels.csv"
    one, other = Labels(path), Labels(path)
    one.set("a", GOOD, "run")
    other.set("b", BAD, "run")
    one.set("c", GOOD, "run")
    assert _written(path) == {"a": "1", "b": "0", "c": "1"}
    other.set("a", None, "run")
    one.set("d", BAD, "run")
    assert _written(path) == {"b": "0", "c": "1", "d": "0"}
    assert one.of("a") is None
    assert [file.name for file in tmp_path.iterdir()] == ["labels.csv"]


def test_labels_whose_file_was_removed_are_written_again(tmp_path):
    path = tmp_path / "labels.csv"
    labels = Labels(path)
    labels.set("a", GOOD, "run")
    path.unlink()
    labels.set("b", BAD, "run")
    assert _written(path) == {"a": "1", "b": "0"}


def test_a_file_that_was_damaged_meanwhile_is_left_as_it_is(tmp_path):
    path = tmp_path / "labels.csv"
    labels = Labels(path)
    path.write_text("uid,label,run\na,good,run\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2"):
        labels.set("b", GOOD, "run")
    assert path.read_text(encoding="utf-8") == "uid,label,run\na,good,run\n"
