import json

import pytest

from babelsift.pipelines.cli.main import main
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.pipelines.replay.compare import format_comparison, unknown_lines
from babelsift.pipelines.replay.dry_run import dry_run
from babelsift.pipelines.replay.stored_pairs import StoredImages
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import RecipeError, RunFolderError, recipe_from
from babelsift.schemas.recipe import DownloadSettings


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path / "run"))


def test_pairs_that_were_never_downloaded_are_not_stored(run_stage, language_rows, folder):
    outputs = run_stage(StoredImages(folder, DownloadSettings(), 3), [language_rows(5)])
    assert outputs.fates() == dict.fromkeys(range(5), "not_stored")
    assert outputs.counters["download.rejected_not_stored_rows"] == 5


def test_what_is_not_known_is_said():
    assert unknown_lines(["mine"], [{"download": 1200, "score": 3}], [{"image_size was 256, now 512": 7}]) == [
        "not known: by mine, 1,200 pairs were never downloaded; `babelsift curate` pays for them",
        "not known: by mine, 3 pairs were never scored; `babelsift curate` pays for them",
        "not as mine says: 7 stored images were downloaded with other settings (image_size was 256, now 512); "
        "`babelsift curate --force` downloads them again",
    ]


def test_a_folder_without_a_complete_run_is_refused(tmp_path, capsys):
    with pytest.raises(RunFolderError, match="no complete run is there"):
        dry_run(load_recipe("demo"), str(tmp_path))
    assert main(["curate", "--dry-run", "--recipe", "demo", "--output", str(tmp_path)]) == 2
    assert "no complete run is there" in capsys.readouterr().err


def test_curate_without_input_says_so(tmp_path, capsys):
    assert main(["curate", "--recipe", "demo", "--output", str(tmp_path / "out")]) == 2
    assert "--input is missing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_compare_takes_two_recipes(tmp_path, capsys):
    assert main(["compare", str(tmp_path), "--recipe", "demo"]) == 2
    assert "compare takes two recipes, found 1" in capsys.readouterr().err


def test_two_recipes_of_one_name_are_told_apart():
    counts = {"kept": [2, 1], "both": 1, "only": [1, 0]}
    sample = {"language": "en", "caption": "a dog", "reason": "similarity_too_low", "value": "0.2", "threshold": "0.3"}
    found = {
        "recipes": ["mine", "mine"], "not_stored": [{}, {}], "other_downloads": [{}, {}], **counts, "languages": {"en": counts},
        "reasons": [{}, {"similarity_too_low": 1}], "samples": [[], [sample]],
    }  # fmt: skip
    lines = format_comparison(json.loads(json.dumps(found))).splitlines()
    assert lines[2].split() == ["en", "2", "1", "1", "1", "0"]
    assert lines[4] == "mine (B) leaves out 1 pairs that mine (A) keeps:"
    assert lines[-1] == "    en  'a dog'  similarity_too_low, found 0.2, asked for 0.3"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"caption_edits": {"unicode": "NFC"}}, "captions were edited, and a finished run has no others; give the run's --input"),
        ({"language": {"source": "check"}}, "language.source is check: a finished run has not stored what its input says of languages; give the run's --input"),
        ({"clip": {"model": "babelsift-demo"}, "select": {"one_to_one_in": "document"}}, "a finished run has not stored its documents; give the run's --input"),
        ({"select": {"conditions": {"page_rank": {"min": 1}}}}, "a finished run has no column 'page_rank'; give the run's --input"),
        ({"select": {"conditions": {"widht": {"min": 1}}}}, "no column 'widht' reaches this stage; did you mean 'width'"),
    ],
)  # fmt: skip
def test_what_only_the_input_has_is_asked_for(tmp_path, settings, message):
    (tmp_path / "funnel.json").write_text('{"stages": []}')
    recipe = recipe_from({"name": "mine", **settings}, source="x")
    with pytest.raises(RecipeError, match=message):
        dry_run(recipe, str(tmp_path))
