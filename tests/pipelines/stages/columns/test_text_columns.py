"""Columns of texts as a stage: stored once, decided by, killed and resumed, looked up without being made."""

import pyarrow as pa
import pytest

from babelsift.filters.language.model_file import shipped_model
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.columns.early_conditions import place_conditions
from babelsift.pipelines.stages.columns.making import Making
from babelsift.pipelines.stages.columns.resolved import resolve
from babelsift.pipelines.stages.columns.text_columns import TextColumns, read_texts
from babelsift.pipelines.staging.columns.column_store import Place
from babelsift.schemas import ModelError, RecipeError, Stage, recipe_from

CAPTIONS = ["a", "bb", "ccc", "bb", "ccc", "dddd"]


def recipe(columns, **conditions):
    groups = {"columns": columns, "select": {"conditions": conditions}}
    return recipe_from({"name": "mine", **groups}, source="test")


def length(module, **settings):
    return {"name": "length", "of": "caption", "by": "call", "call": f"{module}:length", "gives": "integer", **settings}


def stage(folder, recipe, partitions=1, **settings):
    columns = resolve(recipe.made_columns)
    return TextColumns(RunFolder(str(folder)), columns, place_conditions(recipe, columns), partitions, **settings)


def test_equal_texts_are_asked_about_once_and_thresholds_compute_nothing(run_stage, language_rows, module, tmp_path):
    batches = [language_rows(3, caption=CAPTIONS[:3]), language_rows(3, 3, caption=CAPTIONS[3:])]
    first = run_stage(stage(tmp_path / "out", recipe([length(module)], length={"max": 3}), 3), batches)
    assert {row["source_row"]: row["length"] for row in first.kept} == {0: 1, 1: 2, 2: 3, 3: 2, 4: 3}
    [gone] = first.rejected
    assert (gone["stage"], gone["reason"], gone["value"], gone["threshold"]) == (
        "text_columns",
        "length_not_met",
        "length 4",
        "length <= 3",
    )
    assert module.said() == ["a", "bb", "ccc", "dddd"]
    counters = {name.removeprefix("text_columns."): count for name, count in first.counters.items()}
    assert [counters[name] for name in ("in_rows", "out_rows", "rejected_length_not_met_rows", "made_rows")] == [
        6,
        5,
        1,
        4,
    ]
    again = run_stage(stage(tmp_path / "out", recipe([length(module)], length={"min": 3}), 3), batches)
    assert again.fates() == {0: "length_not_met", 1: "length_not_met", 2: None, 3: "length_not_met", 4: None, 5: None}
    assert module.said() == ["a", "bb", "ccc", "dddd"]


def test_partitions_double_and_find_their_values(run_stage, language_rows, module, tmp_path):
    mine, rows = recipe([length(module)]), language_rows(6, caption=CAPTIONS)
    run_stage(stage(tmp_path / "out", mine, 2), [rows])
    more = language_rows(7, caption=[*CAPTIONS, "eeeee"])
    kept = run_stage(stage(tmp_path / "out", mine, 8, first_partitions=2), [more]).kept
    assert len(kept) == 7
    assert module.said() == ["a", "bb", "ccc", "dddd", "eeeee"]


def test_a_damaged_file_is_made_again(run_stage, language_rows, module, tmp_path):
    mine, rows = recipe([length(module)]), language_rows(6, caption=CAPTIONS)
    run_stage(stage(tmp_path / "out", mine), [rows])
    [path] = (tmp_path / "out").glob("staging/columns/length-*/values_*.parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert len(run_stage(stage(tmp_path / "out", mine), [rows]).kept) == 6
    assert len(module.said()) == 8
    assert path.read_bytes() == whole


def test_a_run_that_ended_half_way_goes_on(run_stage, language_rows, module, tmp_path):
    """Partitions that were made before the one at which a run ends are not made again."""
    column = {**length(module), "call": f"{module}:moody", "on_error": "stop"}
    first, all_of_them = language_rows(3, caption=CAPTIONS[:3]), language_rows(6, caption=CAPTIONS)
    run_stage(stage(tmp_path / "out", recipe([column]), 8), [first])
    (tmp_path / "said.txt.stop").touch()
    with pytest.raises(ModelError, match="moody: raises RuntimeError: stopped"):
        run_stage(stage(tmp_path / "out", recipe([column]), 8), [all_of_them])
    (tmp_path / "said.txt.stop").unlink()
    assert len(run_stage(stage(tmp_path / "out", recipe([column]), 8), [all_of_them]).kept) == 6
    assert module.said() == ["a", "bb", "ccc", "dddd"]


def test_a_function_that_fails_too_often_ends_the_run_and_nothing_of_it_is_stored(
    run_stage, language_rows, module, tmp_path
):
    column = {"name": "mine", "of": "caption", "by": "call", "call": f"{module}:hopeless"}
    rows = language_rows(12)
    with pytest.raises(ModelError, match=r"gives no value for 12 of the last 12, 12 times by OSError: no answer"):
        run_stage(stage(tmp_path / "out", recipe([column])), [rows])
    assert list((tmp_path / "out").glob("staging/columns/mine-*/values_*")) == []
    borne = run_stage(stage(tmp_path / "out", recipe([{**column, "max_failure_rate": None}])), [rows])
    assert {row["mine"] for row in borne.kept} == {None}
    # A value here and there says that it works.
    odd = language_rows(40, caption=[f"odd {row}" if row % 20 else f"even {row}" for row in range(40)])
    assert len(run_stage(stage(tmp_path / "out", recipe([{**column, "call": f"{module}:fussy"}])), [odd]).kept) == 40


def test_what_is_not_stored_is_left_out_where_nothing_is_made(run_stage, language_rows, module, tmp_path):
    mine = recipe([length(module)], length={"max": 3})
    run_stage(stage(tmp_path / "out", mine), [language_rows(3, caption=CAPTIONS[:3])])
    looked_up = run_stage(stage(tmp_path / "out", mine, makes=False), [language_rows(6, caption=CAPTIONS)])
    assert looked_up.fates() == {0: None, 1: None, 2: None, 3: None, 4: None, 5: "not_stored"}
    assert module.said() == ["a", "bb", "ccc"]


def test_the_next_column_is_made_of_the_rows_that_are_left(run_stage, language_rows, module, tmp_path):
    columns = [
        {"name": "fussy", "of": "caption", "by": "call", "call": f"{module}:fussy"},
        length(module),
        {"name": "address", "of": "url", "by": "call", "call": f"{module}:fussy"},
    ]
    outputs = run_stage(
        stage(tmp_path / "out", recipe(columns, fussy={"min": 1}, address={"min": 1})),
        [language_rows(4, caption=["a", "bb", "odd", "cccc"])],
    )
    assert outputs.fates() == {0: "fussy_not_met", 1: None, 2: "fussy_not_met", 3: None}
    assert module.said() == ["bb", "cccc"]
    assert outputs.counters["text_columns.failed_fussy_rows"] == 1
    assert outputs.counters["text_columns.in_rows"] == 4
    assert outputs.counters["text_columns.out_rows"] == 2


@pytest.mark.parametrize("makes", [True, False])
def test_why_rows_have_no_value_is_counted_beside_the_values(makes, language_rows, module, tmp_path):
    mine = recipe([{"name": "fussy", "of": "caption", "by": "call", "call": f"{module}:fussy"}])
    columns, rows = resolve(mine.made_columns), language_rows(3, caption=["odd", "bb", "odd"])
    folder, placed = RunFolder(str(tmp_path / "out")), place_conditions(mine, columns)
    for making_now in (True, makes):
        making = Making(folder, columns, placed, Stage.TEXT_COLUMNS, read_texts, makes=making_now)
        counts = making.of(rows, Place(0, 1, 1)).counts["fussy"]
        making.close()
    assert (counts.rows, counts.nulls, counts.failed) == (3, 2, 2)
    [error] = counts.errors
    assert error.startswith("ValueError: odd: odd")


def test_a_model_a_language_says_nothing_of_others(run_stage, language_rows, tmp_path):
    column = {"name": "lang", "of": "caption", "by": "fasttext", "model": {"de": shipped_model()}}
    rows = language_rows(3, caption=["ein Hund auf der Wiese"] * 3, language=["de", "en", "de"])
    outputs = run_stage(stage(tmp_path / "out", recipe([column], lang={"in": ["de"]})), [rows])
    assert outputs.fates() == {0: None, 1: "lang_not_met", 2: None}
    assert outputs.kept[0]["lang_score"] > 0.5
    kept = run_stage(stage(tmp_path / "out", recipe([column], lang={"in": ["de"], "keep_null": True})), [rows])
    assert kept.fates() == {0: None, 1: None, 2: None}


def test_of_rows_all_they_hold_counts(run_stage, language_rows, module, tmp_path):
    column = {"name": "cheap", "of": "row", "by": "call", "call": f"{module}:cheap", "gives": "integer"}
    rows = language_rows(3, price=[1.0, 20.0, None])
    outputs = run_stage(stage(tmp_path / "out", recipe([column], cheap={"min": 1})), [rows])
    assert outputs.fates() == {0: None, 1: "cheap_not_met", 2: "cheap_not_met"}


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ({"by": "fastext"}, "nothing is called 'fastext'; did you mean 'fasttext'"),
        ({"by": "fasttext"}, "fasttext needs a model"),
        ({"by": "opennsfw"}, "opennsfw looks at images"),
        ({"by": "call"}, "give both or neither"),
        ({"by": "cal", "call": "a:f"}, "no kind 'cal'; did you mean 'call'"),
        ({"by": "layer", "of": "embedding", "layers": {"file": "a"}}, "no kind 'layer'; did you mean 'layers'"),
        ({"by": "fasttext", "model": "a", "call": "a:f"}, "give both or neither"),
        ({"by": "fasttext", "of": "image", "model": "a"}, "fasttext reads texts"),
        ({"by": "layers"}, "are of embeddings"),
    ],
)
def test_what_a_column_cannot_be_is_said(column, said):
    with pytest.raises(RecipeError, match=said):
        resolve(recipe([{"name": "mine", "of": "caption", **column}]).made_columns)


def test_another_function_on_a_worker_is_refused(run_stage, language_rows, module, tmp_path):
    transform = stage(tmp_path / "out", recipe([length(module)]))
    module.edit("utf8_length", "binary_length")
    with pytest.raises(ModelError, match="their_columns:length is not the same here as where the run began"):
        run_stage(transform, [language_rows(1)])


def test_a_batch_without_rows_has_the_columns(tmp_path, module):
    columns = resolve(recipe([length(module)]).made_columns)
    assert [output.name for output in columns[0].outputs] == ["length"]
    assert columns[0].outputs[0].type == pa.int64()
