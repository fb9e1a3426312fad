"""What the commands' help teaches."""

import shlex

import pytest

from babelsift.pipelines.cli.main import command_line, main

_, COMMANDS = command_line()
EXAMPLES = [(name, example) for name, command in COMMANDS.items() for example in command.examples]
FOR_CLUSTERS_OR_SHELLS = {"completion", "help", "models", "ngrams", "recipes", "train-head", "worker-pool", "demo"}


def test_each_command_that_people_type_has_an_example():
    without = {name for name, command in COMMANDS.items() if not command.examples and not name.startswith("demo-")}
    assert without <= FOR_CLUSTERS_OR_SHELLS


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_an_example_is_a_command_line_that_the_command_takes(name, example):
    program, command, *words = shlex.split(example)
    assert (program, command) == ("babelsift", name)
    _, left = COMMANDS[name].parse_known_args(words)
    assert left == []


def test_the_help_ends_with_them(capsys):
    assert main(["help", "why"]) == 0
    assert capsys.readouterr().out.endswith("\n".join(f"  {line}" for line in COMMANDS["why"].examples) + "\n")
