"""`babelsift recipes`, `--set` and `--json`: recipes by name and file, changed and checked."""

import json

import pytest

from babelsift.pipelines.cli.main import main
from babelsift.schemas import parse_recipe

CALL = "name: mine\ncolumns: [{name: n, of: caption, by: call, call: 'a:b', gives: integer}]\n"


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\ncaptions: {min_words: 5}\n")
    return str(tmp_path / "mine.yaml")


def printed(capsys, *words, status=0):
    assert main(words) == status
    return capsys.readouterr()


def test_a_changed_preset_is_shown_whole(capsys):
    text = printed(capsys, "recipes", "show", "datacomp-basic", "--set", "captions.min_words=7").out
    assert parse_recipe(text, source="shown").captions.min_words == 7


def test_presets_as_json(capsys):
    presets = json.loads(printed(capsys, "recipes", "--json").out)
    assert presets == json.loads(printed(capsys, "recipes", "list", "--json").out)
    assert {"demo", "laion400m"} <= {preset["name"] for preset in presets}
    shown = json.loads(printed(capsys, "recipes", "show", "demo", "--json").out)
    assert shown["name"] == "demo"
    assert "shards" in shown


def test_each_recipe_that_is_right_is_named(mine, capsys):
    assert printed(capsys, "recipes", "check", mine, "datacomp-basic").out == f"{mine}: ok\ndatacomp-basic: ok\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: mine\ncaptions: {min_wrods: 5}", "unknown setting 'captions.min_wrods'; did you mean 'min_words'?"),
        ("name: mine\nlanguage: {keep: [zh-Blah]}", "cannot be told from a caption"),
        ("name: mine\ndedup_pairs: {earlier: [/no/such/folder]}", "/no/such/folder"),
        (
            f"{CALL}select: {{conditions: {{n: {{in: [x]}}}}}}",
            "column 'n' holds int64, and in names none of its values",
        ),
        ("name: mine\nselect: {conditions: {width: {in: ['115']}}}", "column 'width' holds int32"),
        ("name: mine\ncolumns: {name: a, of: caption, by: fasttext}", "fasttext needs a model"),
        ("name: mine\ncolumns: {name: a, of: caption, by: fastext, model: m}", "did you mean 'fasttext'?"),
        ("name: mine\ncolumns: {name: a, of: caption, by: call, call: 'no_such:f'}", "No module named 'no_such';"),
        ("- a list", "a recipe is a mapping"),
        (None, "cannot be read"),
    ],
)
def test_a_recipe_that_is_wrong_is_one_line_beside_those_that_are_right(tmp_path, mine, capsys, text, problem):
    wrong = tmp_path / "wrong.yaml"
    if text is not None:
        wrong.write_text(text)
    said = printed(capsys, "recipes", "check", str(wrong), mine, status=2)
    assert said.out == f"{mine}: ok\n"
    [line] = said.err.splitlines()
    assert problem in line
    assert str(wrong) in line
    results = json.loads(printed(capsys, "recipes", "check", str(wrong), mine, "--json", status=2).out)
    assert [result["valid"] for result in results] == [False, True]
    assert problem in results[0]["problems"][0]


def test_the_schema_is_printed(capsys):
    schema = json.loads(printed(capsys, "recipes", "schema").out)
    assert "captions" in schema["properties"]
