"""Where conditions decide, and what a stage's outputs are after them."""

import pyarrow as pa
import pytest

from babelsift.filters.columns.maker import TYPES
from babelsift.pipelines.core.stage_outputs import REJECTED
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.columns.early_conditions import (
    PlacedConditions,
    decide_early,
    late_conditions,
    place_conditions,
)
from babelsift.pipelines.stages.columns.resolved import ResolvedColumn, Source
from babelsift.pipelines.stages.image_rules import FilterImages
from babelsift.schemas import Stage, recipe_from
from babelsift.schemas.recipe import Column, Condition, ImageRules


def resolved(name, of):
    column = Column(name=name, of=of, by="call", call="a:b")
    return ResolvedColumn(column, (pa.field("", TYPES["float"]),), (Source(None, "0" * 64, {}),), {None: 0})


@pytest.mark.parametrize(
    ("column", "condition", "stage"),
    [
        ("rating", {"min": 1}, Stage.READ),
        ("rating", {"min": {"en": 1}}, Stage.LANGUAGE),
        ("source_row", {"max": 9}, Stage.READ),
        ("language_score", {"min": 0.5}, Stage.LANGUAGE),
        ("said_of_texts", {"min": 1}, Stage.TEXT_COLUMNS),
        ("width", {"min": 1}, Stage.DOWNLOAD),
        ("original_bytes", {"min": {"en": 1}}, Stage.DOWNLOAD),
        ("similarity_a", {"min": 0.2}, Stage.SCORE),
        ("old_head", {"min": 1}, Stage.SCORE),
        ("new_head", {"min": 1}, Stage.SCORE),
        ("said_of_images", {"min": 1}, Stage.IMAGE_COLUMNS),
        ("rating", {"min": 1, "at": "select"}, Stage.SELECT),
        ("said_of_texts", {"min": 1, "at": "select"}, Stage.SELECT),
    ],
)
def test_a_condition_decides_where_its_column_is_made(column, condition, stage):
    recipe = recipe_from(
        {
            "name": "mine",
            "clip": {"model": "babelsift-demo", "name": "a"},
            "heads": {"name": "old_head", "layers": {"file": "a.safetensors"}},
            "columns": {"name": "new_head", "of": "embedding", "by": "layers", "layers": {"file": "a.safetensors"}},
            "select": {"conditions": {column: condition}, "any_of": [{"conditions": {column: {"min": 0}}}]},
        },
        source="test",
    )
    placed = place_conditions(recipe, [resolved("said_of_texts", "url"), resolved("said_of_images", "pair")])
    assert {where: list(conditions) for where, conditions in placed.by_stage.items()} == {stage: [column]}
    late = late_conditions(recipe.select, placed)
    assert list(late.conditions) == ([column] if stage is Stage.SELECT else [])
    assert late.any_of == recipe.select.any_of
    assert set(placed.reasons) == {"said_of_texts", "said_of_images", "new_head"}


class Decided(Transform):
    """A stage, and the conditions at its end."""

    def __init__(self, conditions):
        super().__init__()
        self.placed = PlacedConditions({Stage.IMAGE_RULES: conditions}, {})

    def expand(self, batches):
        outputs = batches | "Stage" >> FilterImages(ImageRules(min_side_px=100))
        return decide_early(outputs, Stage.IMAGE_RULES, self.placed)


def test_rows_move_from_kept_to_rejected_and_the_counters_still_add_up(run_stage, image_rows):
    batch = image_rows(4, original_width=[50, 200, 300, 400], original_height=[200] * 4)
    outputs = run_stage(Decided({"original_width": Condition(max=300)}), [batch])
    assert outputs.fates() == {0: "image_too_small", 1: None, 2: None, 3: "condition_not_met"}
    counters = {name.removeprefix("image_rules."): count for name, count in outputs.counters.items()}
    assert (counters["in_rows"], counters["out_rows"]) == (4, 2)
    assert counters["rejected_condition_not_met_rows"] == counters["rejected_image_too_small_rows"] == 1


def test_without_conditions_the_outputs_are_the_stages_own():
    outputs = {"kept": object(), REJECTED: object()}
    assert decide_early(outputs, Stage.SCORE, PlacedConditions({}, {})) is outputs
