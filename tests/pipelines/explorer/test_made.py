"""What models and functions said of pairs that were left out: filled in from the stores, so that a trial knows it."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.explorer.session import load_session
from babelsift.pipelines.replay.dry_run import dry_run
from babelsift.schemas import recipe_from
from tests.support.hostile_web import LOOPBACK_ONLY, HostileWeb, answer, encoded, photo
from tests.support.quick_beam import quick_beam
from tests.support.small_run import babelsift, write_recipe

EARLY = "condition_not_met"
CAPTIONS = [f"a photo of thing number {number} {'and more ' * (number % 4)}" for number in range(12)]
RECIPE = recipe_from(
    {
        "name": "made",
        "download": {"image_size": 32, "samples_per_staging_shard": 5, **LOOPBACK_ONLY},
        "columns": [
            {
                "name": "length",
                "of": "caption",
                "by": "call",
                "call": "babelsift.filters.text:count_characters",
                "gives": "integer",
            },
            {"name": "px", "of": "image", "by": "measures"},
        ],
        "select": {
            "conditions": {
                "length": {"min": 35, "at": "select"},
                "px_colour": {"min": 0.2, "at": "select"},
                "original_width": {"min": 60},
            },
        },
    },
    source="made",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("made")
    with HostileWeb() as web:
        urls = [web.on(f"/{n}.jpg", answer(encoded(photo(n, (64 if n > 1 else 40, 48))))) for n in range(len(CAPTIONS))]
        pq.write_table(pa.table({"url": urls, "caption": CAPTIONS}), home / "pairs.parquet")
        recipe = write_recipe(home / "recipe.yaml", RECIPE)
        command = ["curate", "--recipe", recipe, "--input", str(home / "pairs.parquet"), "--output", str(home / "run")]
        said = babelsift(*command)
        assert said.code == 0, said.log
    [run] = load_session([str(home / "run")], str(home / "labels.csv")).runs
    return run


def test_every_pair_has_what_was_said_of_it(made):
    assert "select" in made.columns.column("stage").to_pylist()
    lengths = dict(
        zip(made.columns.column("caption").to_pylist(), made.table.column("length").to_pylist(), strict=True)
    )
    assert lengths == {caption: len(caption) for caption in CAPTIONS}
    scored = made.table.filter(pc.not_equal(made.columns.column("reason").dictionary_decode().fill_null(""), EARLY))
    assert scored.column("px_colour").null_count == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"select.conditions.length.min": 26},
        {"select.conditions.length.min": 50, "select.conditions.px_colour.min": 0.1},
        {"select.conditions.px_colour.min": {"en": 0.01, "default": 0.5}},
    ],
)
def test_a_condition_moved_keeps_what_a_dry_run_keeps(made, changes):
    outcome = made.trial.outcome(changes, at="select.conditions.length.min")
    with quick_beam():
        dry = dry_run(made.trial.changed(changes), made.run.folder.url)
    select = next(stage for stage in dry.funnel.stages if stage.stage == "select")
    assert outcome["total"]["trial"] == select.out_rows
    assert outcome["edge"]["kept"] or outcome["edge"]["left_out"]


def test_pairs_that_a_condition_left_out_before_are_not_known(made):
    now = {"select.conditions.original_width.min": 30}
    assert made.trial.outcome(now)["unknown"] == 2
    assert made.trial.outcome({"select.conditions.original_width.min": 50})["unknown"] == 0
    assert made.trial.outcome(now)["total"] == made.trial.outcome({})["total"]
