import pytest

from babelsift.pipelines.cli.main import main
from babelsift.pipelines.recipes.presets import load_recipe, preset_names
from babelsift.schemas import parse_recipe


@pytest.fixture
def pairs(tmp_path):
    (tmp_path / "pairs.csv").write_text("URL,TEXT\nhttp://example.invalid/1.jpg,a dog on a sofa\n")
    return str(tmp_path / "pairs.csv")


def told(capsys, arguments):
    """(exit code, what was said on standard error's last line)"""
    code = main(arguments)
    error = capsys.readouterr().err.strip()
    assert "Traceback" not in error
    return code, error.splitlines()[-1] if error else ""


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_valid_named_like_their_file_and_described(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description


def test_recipes_are_listed_and_shown(capsys):
    assert main(["recipes"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in preset_names())
    assert main(["recipes", "show", "datacomp-basic"]) == 0
    assert parse_recipe(capsys.readouterr().out, source="shown") == load_recipe("datacomp-basic")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("name: mine\ncaptions: {min_wrods: 3}", "unknown setting 'captions.min_wrods'; did you mean 'min_words'?"),
        ("name: mine\nlanguage: {model: /no/such.bin}", "/no/such.bin"),
        ("name: mine\nlanguage: {keep: [zh-Blah]}", "cannot be told from a caption"),
        ("name: mine\nclip: {model: ViT-B-23, pretrained: openai}", "ViT-B-32"),
        ("name: mine\ndownload: {allow_addresses: [localhost]}", "localhost"),
    ],
)
def test_a_wrong_recipe_is_one_line_and_exit_code_2_before_anything_is_read(tmp_path, pairs, capsys, recipe, message):
    (tmp_path / "mine.yaml").write_text(recipe)
    out = tmp_path / "out"
    code, line = told(
        capsys, ["curate", "--recipe", str(tmp_path / "mine.yaml"), "--input", pairs, "--output", str(out)]
    )
    assert code == 2
    assert line.startswith("babelsift: ")
    assert message in line
    assert not (out / "staging").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--recipe": "datacomp-basik"}, "no recipe 'datacomp-basik'; did you mean 'datacomp-basic'?"),
        ({"--recipe": "/no/such.yaml"}, "cannot be read"),
        ({"--input": "/no/such/*.parquet"}, "no file matches --input"),
        ({"--output": "/proc/nowhere"}, "cannot be written"),
        ({"--url-col": "LINK"}, "no column 'LINK'"),
        ({"--outptu": "x"}, "unknown option '--outptu'; did you mean '--output'?"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_code_2(tmp_path, pairs, capsys, change, message):
    arguments = {"--recipe": "datacomp-basic", "--input": pairs, "--output": str(tmp_path / "out")} | change
    code, line = told(capsys, ["curate", *(word for option in arguments.items() for word in option)])
    assert (code, message in line) == (2, True), line


def test_beam_options_are_known_with_their_values(tmp_path, pairs, capsys):
    beam_options = ["--direct_num_workers", "1", "--runner=DirectRunner", "--job_name", "x"]
    arguments = ["curate", "--recipe", "nope", "--input", pairs, "--output", str(tmp_path), *beam_options]
    assert told(capsys, arguments)[1] == "babelsift: no recipe 'nope'; see `babelsift recipes`"


def test_why_says_what_is_missing(tmp_path, capsys):
    assert told(capsys, ["why", str(tmp_path), "http://x"]) == (
        2,
        f"babelsift: {tmp_path}: no complete run is there (funnel.json is missing); run `babelsift curate` first",
    )


def test_check_says_every_mistake_in_a_line_and_leaves_no_folder(tmp_path, pairs, capsys):
    out = tmp_path / "out"
    arguments = ["curate", "--check", "--recipe", "demo", "--input", pairs, "--output", str(out)]
    assert main([*arguments, "--runner", "SparkRunner", "--streaming"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[:2] for line in lines] == [
        ["babelsift", f" {option}"] for option in ("--spark_master_url", "--environment_type", "--streaming")
    ]
    assert not out.exists()


def test_check_ends_before_anything_runs(tmp_path, pairs, capsys):
    (tmp_path / "mine.yaml").write_text("name: mine")
    recipe, out = str(tmp_path / "mine.yaml"), tmp_path / "out"
    assert main(["curate", "--check", "--recipe", recipe, "--input", pairs, "--output", str(out)]) == 0
    assert "can start" in capsys.readouterr().out
    assert not out.exists() or not any(out.iterdir())
