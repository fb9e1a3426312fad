"""Entries of concepts that no caption can match are said before a run."""

import pytest

from babelsift.pipelines.job.checks import check_settings
from babelsift.schemas import RecipeError, parse_recipe


def check(entries, more=""):
    check_settings(parse_recipe(f"name: mine\nmetadata: {{entries: '{entries}'{more}}}", source="mine.yaml"))


def test_more_matches_than_entries_are_refused(tmp_path):
    (tmp_path / "list.txt").write_text("dog\ncat\n")
    check(tmp_path / "list.txt", ", min_matches: 2")
    with pytest.raises(
        RecipeError, match=r"metadata\.min_matches is 3, and no list in .*list\.txt has more than 2 entries"
    ):
        check(tmp_path / "list.txt", ", min_matches: 3")


def test_lists_for_no_language_are_refused(tmp_path):
    (tmp_path / "english.txt").write_text("dog\n")
    with pytest.raises(RecipeError, match=r"has no list for a language that captions are labelled, such as english"):
        check(tmp_path)
    (tmp_path / "en.txt").write_text("dog\n")
    check(tmp_path)
