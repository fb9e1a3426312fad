import json

import pyarrow as pa
import pytest

from filters.clip import result_schema
from pipelines.command_line import main
from pipelines.compare import format_comparison, unknown_lines
from pipelines.dry_run import dry_run
from pipelines.recipe_presets import load_recipe
from pipelines.run_folder import RunFolder
from pipelines.score_store import ScoreStore
from pipelines.stored_run import StoredImages, StoredScores, find_stores
from schemas import RecipeError, RunFolderError, recipe_from
from schemas.recipe import ClipModel, DownloadSettings


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path / "run"))


def describe(folder, name, fingerprint, model="ViT-B-32", pretrained="openai", precision="fp32"):
    store = ScoreStore(folder, name, fingerprint, keep_embeddings=False)
    store.describe({"model": model, "pretrained": pretrained, "precision": precision})
    return store


def test_scores_are_found_by_name_model_weights_and_precision(folder):
    describe(folder, "b32", "a" * 64, pretrained="laion2b_s34b_b79k")
    describe(folder, "b32", "b" * 64, precision="bf16")
    own = describe(folder, "b32", "c" * 64)
    describe(folder, "other", "d" * 64)
    model = ClipModel(model="ViT-B-32", pretrained="openai", name="b32")
    assert [store.fingerprint for store in find_stores(folder, [model])] == [own.fingerprint]


def test_a_model_that_was_never_scored_is_named_with_those_that_were(folder):
    model = ClipModel(model="ViT-L-14", pretrained="openai")
    with pytest.raises(
        RunFolderError, match=r"'vit_l_14' \(ViT-L-14, fp32\) was never scored there; stored: no scores"
    ):
        find_stores(folder, [model])
    describe(folder, "b32", "a" * 64)
    with pytest.raises(RunFolderError, match=r"stored: b32 \(ViT-B-32, fp32\); name one of those"):
        find_stores(folder, [model])


def test_two_sets_of_scores_of_one_model_are_not_guessed_between(folder):
    describe(folder, "b32", "a" * 64)
    describe(folder, "b32", "b" * 64)
    with pytest.raises(RunFolderError, match="2 sets of scores are of 'b32'"):
        find_stores(folder, [ClipModel(model="ViT-B-32", pretrained="openai", name="b32")])


def test_pairs_without_a_stored_score_are_told_apart_from_those_that_cannot_be_scored(run_stage, image_rows, folder):
    batch = image_rows(4, image_size=[10, 11, 12, 13])
    store = describe(folder, "m", "a" * 64)
    results = {"similarity": [0.3, None, 0.2], "error": [None, "image: broken", None]}
    store.add(0, batch.slice(0, 3), pa.RecordBatch.from_pydict(results, schema=result_schema()))
    changed = image_rows(1, first_row=2, image_size=[99])  # the image is not the one that was scored
    outputs = run_stage(StoredScores((store,)), [batch.slice(0, 2), changed, batch.slice(3)])
    assert outputs.fates() == {0: None, 1: "unscorable_image", 2: "not_stored", 3: "not_stored"}
    assert outputs.kept[0]["similarity_m"] == pytest.approx(0.3)
    assert outputs.counters["score.in_rows"] == 4


def test_pairs_that_were_never_downloaded_are_not_stored(run_stage, language_rows, folder):
    outputs = run_stage(StoredImages(folder, DownloadSettings(), 3), [language_rows(5)])
    assert outputs.fates() == dict.fromkeys(range(5), "not_stored")
    assert outputs.counters["download.rejected_not_stored_rows"] == 5


def test_what_is_not_known_is_said():
    assert unknown_lines(["mine"], [{"download": 1200, "score": 3}]) == [
        "not known: by mine, 1,200 pairs were never downloaded; `babelsift curate` pays for them",
        "not known: by mine, 3 pairs were never scored; `babelsift curate` pays for them",
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
        "recipes": ["mine", "mine"], "not_stored": [{}, {}], **counts, "languages": {"en": counts},
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
        ({"select": {"conditions": {"page_rank": {"min": 1}}}}, "a finished run has no column 'page_rank'; give the run's --input"),
        ({"select": {"conditions": {"widht": {"min": 1}}}}, "no column 'widht' reaches this stage; did you mean 'width'"),
    ],
)  # fmt: skip
def test_what_only_the_input_has_is_asked_for(tmp_path, settings, message):
    (tmp_path / "funnel.json").write_text("{}")
    recipe = recipe_from({"name": "mine", **settings}, source="x")
    with pytest.raises(RecipeError, match=message):
        dry_run(recipe, str(tmp_path))
