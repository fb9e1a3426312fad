"""`babelsift models fetch`."""

import os
import subprocess
import sys
from importlib import resources

import pytest

from babelsift.filters.language.model_file import shipped_model
from babelsift.pipelines.cli.main import main
from tests.support.hugging_face_hub import serving_hub
from tests.support.tiny_classifiers import write_classifier


def test_each_model_of_a_recipe_is_named_once_it_is_here(tmp_path, capsys):
    folder = write_classifier(tmp_path / "toxic", ["fine", "toxic"])
    (tmp_path / "recipe.yaml").write_text(
        "name: mine\ncolumns:\n"
        f"  - {{name: toxic, of: caption, by: transformers, model: '{folder}'}}\n"
        f"  - {{name: lang, of: caption, by: fasttext, model: '{shipped_model()}'}}\n"
    )
    assert main(["models", "fetch", str(tmp_path / "recipe.yaml")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["columns.toxic", "columns.lang"]
    assert all(line.endswith(": is here") for line in lines)


def test_a_model_that_is_nowhere_is_one_line(tmp_path, capsys):
    (tmp_path / "recipe.yaml").write_text(
        "name: mine\ncolumns: {name: toxic, of: caption, by: transformers, model: ./gone}\n"
    )
    assert main(["models", "fetch", str(tmp_path / "recipe.yaml")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "no model './gone'" in line


def test_a_recipe_without_models_is_said_to_need_none(capsys):
    assert main(["models", "fetch", "cleanvision"]) == 0
    assert capsys.readouterr().out == "cleanvision needs no models\n"
    assert main(["models", "fetch", "cleanvision", "--json"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_a_clip_model_of_the_hub_is_fetched_with_what_it_weighs(tmp_path):
    """The preset `dfn-public`, its model's name served with the files of one that ships."""
    folder = resources.files("babelsift.pipelines.demo").joinpath("clip")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    with serving_hub("apple/DFN-public", files, kind="models") as endpoint:
        environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path)}
        command = [sys.executable, "-m", "babelsift", "models", "fetch", "dfn-public"]
        first, second = (subprocess.run(command, env=environment, capture_output=True, text=True) for _ in range(2))
    megabytes = sum(len(content) for name, content in files.items() if name != "README.md") / 1e6
    assert first.stdout.split(": ")[1] == f"fetched {megabytes:.1f} MB\n", first.stderr
    assert second.stdout.endswith("hf-hub:apple/DFN-public: is here\n")
