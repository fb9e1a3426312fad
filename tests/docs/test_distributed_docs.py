"""docs/distributed.md names only options that Beam has, and shows commands that babelsift takes."""

import argparse
import json
import re
import shlex
from pathlib import Path

import pytest

from babelsift.pipelines.cli.beam_options import beam_options
from babelsift.pipelines.cli.command_parser import CommandParser, UsageError

TEXT = (Path(__file__).parents[2] / "docs" / "distributed.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(block.replace("\\\n", " "))
    for block in re.findall(r"```sh\n(babelsift curate .*?)```", TEXT, re.DOTALL)
]
OURS = {"--recipe", "--input", "--output"}
KNOWN = argparse.Namespace(parser=CommandParser(prog="babelsift curate"))
ROWS = re.findall(r"^\| `(--[a-z_]+)[^`]*` \|", TEXT, re.MULTILINE)


def runner_of(command):
    return command[command.index("--runner") + 1]


def beam_part(command):
    words, kept = iter(command[2:]), []
    for word in words:
        if word in OURS:
            next(words)
        else:
            kept.append(word)
    return kept


def test_flink_spark_and_dataflow_are_there():
    assert {runner_of(command) for command in COMMANDS} == {"FlinkRunner", "SparkRunner", "DataflowRunner"}


@pytest.mark.parametrize("command", COMMANDS, ids=runner_of)
def test_every_option_of_a_command_is_taken_with_its_value(command):
    beam = beam_part(command)
    names, values = [word.removeprefix("--") for word in beam[::2]], beam[1::2]
    assert len(names) > 4
    taken = beam_options(KNOWN, beam).get_all_options()
    for name, value in zip(names, values, strict=True):
        assert value in str(taken[name]), name


def test_every_option_in_a_table_is_beams():
    assert len(ROWS) > 12
    for option in ROWS:
        assert _takes(option), option


def test_environment_config_of_a_process_is_json():
    for found in re.findall(r"--environment_config '(\{.*?\})'", TEXT):
        assert "command" in json.loads(found)


def _takes(option):
    """Whether Beam knows the option, as a flag or with one value of some kind."""
    for arguments in ([option, "1"], [option, "1.19"], [option]):
        try:
            beam_options(KNOWN, arguments)
        except (UsageError, SystemExit):
            continue
        return True
    return False
