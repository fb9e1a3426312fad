"""Moved thresholds keep what a dry run of the same recipe keeps."""

import pytest

from babelsift.pipelines.explorer.pairs.columns import Columns
from babelsift.pipelines.explorer.pairs.load import load_pairs
from babelsift.pipelines.explorer.trial import Trial
from babelsift.pipelines.inspection.finished import open_run
from babelsift.pipelines.job.record.versions import software_versions
from babelsift.pipelines.replay.dry_run import dry_run
from babelsift.pipelines.run_folder.fingerprints import stage_settings
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import Manifest, write_manifest
from babelsift.schemas import RecipeError, dump_recipe, recipe_from
from benchmarks.dry_run import write_folder
from tests.support.quick_beam import quick_beam

RECIPE = recipe_from(
    {
        "name": "tried",
        "clip": {"model": "ViT-B-32", "name": "b32", "precision": "fp32"},
        "select": {"min_similarity": 0.25},
    },
    source="tried",
)


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    folder = RunFolder(str(tmp_path_factory.mktemp("tried")))
    write_folder(folder, RECIPE, 800)
    for name in folder.list("rejects"):  # whose reasons are drawn, too: this recipe would not give them
        folder.remove(f"rejects/{name}")
    facts = {"versions": software_versions()}
    write_manifest(folder, Manifest(partitions=2, facts=facts, stages=stage_settings(RECIPE, {})))
    table, _ = load_pairs(open_run(folder.url))
    return folder, Trial(Columns(table), RECIPE, dump_recipe(RECIPE))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"select.min_similarity": 0.4},
        {"select.min_similarity": {"de": 0.9, "ru": 0.1, "default": 0.3}},
        {"select.min_similarity": {"fr": 0.5}},
        {"select.min_similarity": None, "select.top_fraction": 0.3},
        {"select.min_similarity": None, "select.top_fraction_by_language": {"en": 0.2, "default": 0.5}},
        {"select.min_similarity": None, "select.top_fraction": 0.3, "select.exact_fractions": True},
        {"select.min_similarity": 0.9, "select.min_pairs_per_language": 60, "select.lowest_similarity": 0.8},
        {"select.any_of": [{"languages": ["en"]}, {"min_similarity": 0.7}], "select.min_similarity": None},
        {"images.min_side_px": 300},
    ],
)
def test_a_trial_keeps_what_a_dry_run_keeps(tried, changes):
    folder, trial = tried
    outcome = trial.outcome(changes)
    with quick_beam():
        dry = dry_run(trial.changed(changes), folder.url)
    select = next(stage for stage in dry.funnel.stages if stage.stage == "select")
    assert outcome["total"]["trial"] == select.out_rows
    kept = {name: counts["trial"] for name, counts in outcome["languages"].items() if counts["trial"]}
    assert kept == {name: counts["out"] for name, counts in select.by_language.items() if counts["out"]}


def test_gained_and_lost_are_against_the_run(tried):
    _, trial = tried
    total = trial.outcome({"select.min_similarity": 0.5})["total"]
    assert total["trial"] == total["run"] + total["gained"] - total["lost"]
    assert total["lost"] > 0
    assert trial.outcome({"select.min_similarity": -1.0})["total"]["trial"] == total["reached"]


def test_the_edge_has_the_nearest_pairs_of_both_sides(tried):
    _, trial = tried
    edge = trial.outcome({"select.min_similarity": 0.5}, at="select.min_similarity", language="de")["edge"]
    values = trial.columns.numbers("similarity_b32").values
    languages = trial.columns.facet("language")
    kept, left_out = (values[edge[side]] for side in ("kept", "left_out"))
    assert (kept >= 0.5).all()
    assert (left_out < 0.5).all()
    assert list(kept) == sorted(kept)
    assert list(left_out) == sorted(left_out, reverse=True)
    of_german = languages.codes == languages.code_of["de"]
    reached = of_german & (trial.columns.facet("stage").codes == 0)
    assert kept[0] == values[reached & (values >= 0.5)].min()
    assert left_out[0] == values[reached & (values < 0.5)].max()
    assert {languages.words[code] for code in languages.codes[edge["kept"]]} == {"de"}


def test_a_setting_that_cannot_be_is_the_recipes_own_line(tried):
    _, trial = tried
    with pytest.raises(RecipeError, match="min_similarity"):
        trial.outcome({"select.min_similarity": "much"})
    with pytest.raises(RecipeError, match="min_similarty"):
        trial.outcome({"select.min_similarty": 0.3})
