"""On a run folder that a small run left, or a killed one."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.cli.commands.run_folders.status import format_status
from babelsift.pipelines.cli.main import main
from babelsift.pipelines.demo.server import serving
from babelsift.pipelines.demo.web import build_web, write_table
from babelsift.pipelines.inspection.status import State, status_of
from babelsift.pipelines.job.run import run
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.pipelines.run_folder.fingerprints import (
    STAGE_OF_GROUP,
    changes,
    fingerprints,
    input_files,
    stage_settings,
)
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.img2dataset.imported_rows import imported_path
from babelsift.pipelines.staging.inventory import check_downloads
from babelsift.schemas import OPTIONAL_STAGES, Recipe, RunFolderError, Stage, dump_recipe, recipe_from
from tests.support.answering_web import answering_pairs, patient

pytestmark = pytest.mark.xdist_group("status")  # its tests share what a fixture makes

WEB = build_web(seed=3, pairs=100)
TABLE = answering_pairs(WEB)
RECIPE = patient(load_recipe("demo"))


def changed(**groups):
    return RECIPE.model_copy(
        update={name: getattr(RECIPE, name).model_copy(update=settings) for name, settings in groups.items()}
    )


@pytest.fixture(scope="module")
def curated(tmp_path_factory):
    home = tmp_path_factory.mktemp("status")
    with serving(WEB) as base_url:
        write_table(TABLE, home / "pairs.parquet", base_url)
        run(RECIPE, [str(home / "pairs.parquet")], str(home / "out"))
    return RunFolder(str(home / "out"))


def states(folder, recipe):
    return {one.stage: one.state for one in status_of(folder, recipe).stages}


def test_a_complete_run_is_done_to_the_last_stage(curated):
    status = status_of(curated, RECIPE)
    assert status.complete
    assert {one.state for one in status.stages} == {State.DONE}
    there = {one.stage: one.there for one in status.stages}
    assert there["read"] == f"{len(TABLE.pairs)} in, {len(TABLE.pairs)} kept"
    assert there["shard"].endswith("1 shards")
    assert there["download"].startswith("1 shards, ")
    assert there["score"].startswith("babelsift_demo-")


def test_a_changed_threshold_makes_selection_and_shards_stale_alone(curated):
    status = status_of(curated, changed(select={"min_similarity": 0.7}))
    stale = {one.stage: one.why for one in status.stages if one.state is State.STALE}
    why = "select.min_similarity was 0.6, now 0.7"
    assert stale == {"select": why, "balance": "follows select", "shard": "follows select"}
    assert f"{why}\n" in format_status(status)
    for line in format_status(status, 40).splitlines()[:-1]:
        assert len(line) <= 40


@pytest.mark.slow
def test_what_was_paid_for_is_kept_when_an_earlier_rule_changes(curated):
    found = states(curated, changed(captions={"min_words": 2}))
    assert found["language"] is State.STALE
    assert found["download"] is State.KEPT
    assert found["score"] is State.KEPT
    assert found["read"] is State.DONE


def test_other_download_settings_are_said_and_refused_without_force(curated):
    other = changed(download={"image_size": 128})
    why = {one.stage: one.why for one in status_of(curated, other).stages}
    assert "image_size was 256, now 128; needs --force" in why["download"]
    message = r"\d+ images in 1 staging shards \(.* MB\) .*image_size was 256, now 128.*pass --force"
    with pytest.raises(RunFolderError, match=message):
        check_downloads(curated, other.download, force=False)
    check_downloads(curated, other.download, force=True)
    check_downloads(curated, changed(download={"timeout_s": 9.0}).download, force=False)


def test_the_run_itself_refuses_and_touches_nothing(curated, tmp_path, capsys):
    (tmp_path / "other.yaml").write_text(dump_recipe(changed(download={"image_size": 128})))
    before = {path: curated.fs.modified(path) for path in curated.fs.find(curated.path())}
    arguments = ["--recipe", str(tmp_path / "other.yaml"), "--input", curated.url.replace("/out", "/pairs.parquet")]
    assert main(["curate", *arguments, "--output", curated.url]) == 2
    assert "pass --force" in capsys.readouterr().err.splitlines()[-1]
    assert before == {path: curated.fs.modified(path) for path in curated.fs.find(curated.path())}


def test_another_model_scores_anew_and_the_old_scores_stay(curated):
    clip = (RECIPE.clip[0].model_copy(update={"precision": "bf16"}),)
    other = RECIPE.model_copy(update={"clip": clip})
    score = next(one for one in status_of(curated, other).stages if one.stage == "score")
    assert (score.state, score.why) == (State.STALE, 'clip.babelsift_demo.precision was "fp32", now "bf16"')


def test_a_changed_or_missing_input_is_noticed(curated, tmp_path):
    manifest = curated.read_json("manifest.json")
    [path] = manifest["stages"]["read"]["input"]
    copy = RunFolder(str(tmp_path))
    for files, said in (({path: [1, "2"]}, "changed"), ({"/gone.parquet": [1, "2"]}, "changed")):
        stages = manifest["stages"] | {"read": {"input": files}}
        copy.write_json("manifest.json", manifest | {"stages": stages})
        first = status_of(copy, RECIPE).stages[0]
        assert first.state is State.STALE
        assert f"1 of the input's files {said}" in first.why


def test_a_run_that_did_not_end_is_unfinished(curated, tmp_path):
    copy = RunFolder(str(tmp_path))
    copy.write_json("manifest.json", curated.read_json("manifest.json"))
    status = status_of(copy, RECIPE)
    assert not status.complete
    assert {one.state for one in status.stages} == {State.UNFINISHED, State.KEPT}


def test_values_of_columns_and_imported_shards_are_counted(curated, tmp_path):
    folder = RunFolder(str(shutil.copytree(curated.url, tmp_path / "out")))
    for name, of in (("length-0a1b2c3d", "00000-of-00001"), ("shade-0a1b2c3d", "00000"), ("gone-0a1b2c3d", "00000")):
        (tmp_path / "out" / "staging" / "columns" / name).mkdir(parents=True)
        values = pa.table({"digest": [b"1" * 16, b"2" * 16], "value": [1, 2]})
        pq.write_table(values, tmp_path / "out" / "staging" / "columns" / name / f"values_{of}_0000.parquet")
    for shard in (0, 1):
        mark = {"rows": 30, "captions": 30, "problems": [], "fingerprint": {}}
        folder.write_json(imported_path(shard, "_stats.json"), mark)
    columns = [{"name": "length", "of": "caption"}, {"name": "shade", "of": "image"}]
    calls = [{**column, "by": "call", "call": "mine:function"} for column in columns]
    groups = RECIPE.model_dump(mode="python", exclude_unset=True) | {"columns": calls}
    status = {one.stage: one for one in status_of(folder, recipe_from(groups, source="test")).stages}
    assert status["text_columns"].there == "length-0a1b2c3d: 2 values"
    assert status["image_columns"].there == "shade-0a1b2c3d: 2 values"
    assert status["text_columns"].state is State.STALE
    assert "columns.length.call" in status["text_columns"].why
    assert status["download"].there.endswith("2 imported shards, 60 rows")


def test_the_command_prints_a_table_and_json(curated, capsys):
    assert main(["status", curated.url]) == 0
    assert "complete" in capsys.readouterr().out.splitlines()[-1]
    assert main(["status", curated.url, "--json", "--recipe", "demo"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["complete"] is True
    assert [one["stage"] for one in found["stages"]] == [stage.value for stage in Stage if stage not in OPTIONAL_STAGES]


def test_where_nothing_was_begun_it_says_so(tmp_path, capsys):
    assert main(["status", str(tmp_path)]) == 2
    assert "no run has begun" in capsys.readouterr().err


def test_every_group_of_a_recipe_belongs_to_a_stage():
    assert set(STAGE_OF_GROUP) == set(Recipe.model_fields) - {"name", "description", "requires", "omits", "seed"}


@pytest.mark.parametrize(
    ("groups", "stages"),
    [
        ({}, ["shard"]),
        ({"select": {"caps": {"per_host": 3}}}, ["select", "shard"]),
        (
            {
                "metadata": {"entries": "entries.json"},
                "balance": {"threshold": 10},
                "select": {"caps": {"per_caption": 1}},
            },
            ["select", "balance", "shard"],
        ),
    ],
)
def test_another_seed_is_told_where_it_draws(groups, stages):
    before, now = (
        stage_settings(recipe_from({"name": "mine", "seed": seed, **groups}, source="x"), {}) for seed in (0, 1)
    )
    assert changes(before, now) == {stage: ["seed was 0, now 1"] for stage in stages}
    assert fingerprints(before)["dedup_images"] == fingerprints(now)["dedup_images"]


def test_a_stages_fingerprint_is_of_its_settings_and_of_all_before():
    before = stage_settings(RECIPE, {})
    after = stage_settings(changed(images={"min_side_px": 7}), {})
    same = {stage for stage, digest in fingerprints(before).items() if fingerprints(after)[stage] == digest}
    order = [stage.value for stage in Stage if stage not in OPTIONAL_STAGES]
    assert same == set(order[: order.index("image_rules")])
    assert changes(before, after) == {"image_rules": ["images.min_side_px was 150, now 7"]}
    assert stage_settings(changed(download={"retries": 9}), {}) == before


@pytest.mark.parametrize(
    ("condition", "stage"),
    [
        ({"length": {"max": 9}}, "text_columns"),
        ({"shade_mean": {"max": 9}}, "image_columns"),
        ({"first": {"max": 9}}, "image_columns"),
        ({"taste": {"max": 9}}, "score"),
        ({"image_sharpness": {"min": 0.3}}, "download"),
        ({"language_score": {"min": 0.3}}, "language"),
        ({"rating": {"min": {"en": 3}}}, "language"),
        ({"rating": {"min": 3}}, "read"),
        ({"length": {"max": 9, "at": "select"}}, "select"),
    ],
)
def test_a_condition_shapes_the_stage_at_whose_end_it_decides(condition, stage):
    call = {"by": "call", "call": "m:f"}
    columns = [
        {"name": "length", "of": "caption", **call},
        {"name": "shade", "of": "image", **call, "gives": {"mean": "float"}},
        {"name": "first", "of": "embedding", **call},
        {"name": "taste", "of": "embedding", "by": "layers", "layers": {"file": "x"}},
    ]

    def settings(**select):
        groups = {"clip": {"model": "x"}, "columns": columns, "select": select}
        return stage_settings(recipe_from({"name": "mine", **groups}, source="test"), {})

    assert list(changes(settings(), settings(conditions=condition))) == [stage]


def test_a_condition_makes_no_value_again(curated, tmp_path):
    column = {"name": "length", "of": "caption", "by": "call", "call": "m:f"}
    groups = {"name": "mine", "columns": column}
    before, after = (
        recipe_from({**groups, "select": {"conditions": {"length": {"max": most}}}}, source="test") for most in (9, 8)
    )
    shutil.copytree(curated.path(), tmp_path / "out")
    folder = RunFolder(str(tmp_path / "out"))
    manifest = json.loads(folder.read("manifest.json"))
    folder.write_json("manifest.json", {**manifest, "stages": stage_settings(before, {})})
    [columns] = [one for one in status_of(folder, after).stages if one.stage == "text_columns"]
    assert columns.state is State.KEPT
    assert "select.conditions.length.max was 9.0, now 8.0" in columns.why


def test_how_a_model_is_run_shapes_nothing_and_which_code_of_its_own_does():
    plain, processes, code = (
        stage_settings(recipe_from({"name": "mine", "clip": {"model": "m", **more}}, source="x"), {})
        for more in ({}, {"decode_processes": 3, "batch_size": 8, "device": "cpu"}, {"remote_code": True})
    )
    assert processes == plain
    assert changes(plain, code)["score"]


def test_a_files_version_is_its_size_and_time(tmp_path):
    (tmp_path / "a").write_bytes(b"123")
    found = input_files([str(tmp_path / "a"), str(tmp_path / "none")])
    assert found[str(tmp_path / "a")][0] == 3
    assert found[str(tmp_path / "none")] is None


def test_settings_that_came_later_leave_earlier_folders_as_they_are_until_they_are_on():
    later = ("reject_ibans", "reject_national_numbers")
    shaped = stage_settings(recipe_from({"name": "x"}, source="x"), {})
    assert not [path for stage in shaped.values() for path in stage if path.endswith(later)]
    on = stage_settings(recipe_from({"name": "x", "captions": {"reject_ibans": True}}, source="x"), {})
    assert on["rules"]["captions.reject_ibans"] is True
