"""The last line of a command that fails, for people and for programs."""

import json

import pytest

from babelsift.pipelines.cli.main import main


@pytest.mark.parametrize("option", [["--log-format=json"], ["--log-format", "json"]])
def test_it_is_json_where_log_lines_are_even_if_the_words_are_wrong(capsys, option):
    for words in (["why", "no-such-folder", "12345678"], ["why", "--nonesuch"], ["nonesuch"]):
        assert main([*words, *option]) == 2
        [line] = capsys.readouterr().err.splitlines()
        said = json.loads(line)
        assert (said["level"], said["exit_status"]) == ("error", 2)
        assert said["at"].endswith("+00:00")
        assert said["message"]


def test_a_new_line_in_a_file_s_name_is_escaped(capsys):
    assert main(["why", "no\nsuch\x1b[31m folder", "12345678"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(r"babelsift: no\nsuch\x1b[31m folder: no complete run is there")
