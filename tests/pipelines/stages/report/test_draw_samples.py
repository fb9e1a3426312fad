import json

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.filters.measures import distances_within
from babelsift.pipelines.stages.report.draw_samples import SampleRows, draw_rows, lowest_drawn
from babelsift.pipelines.stages.rules import with_edited_captions
from babelsift.schemas import CAPTION_BEFORE, Recipe, Stage, ledger_rows, recipe_from
from babelsift.schemas.recipe import CaptionEdits


def rejected(batch, stage=Stage.RULES, reason="too_few_words", values=None, threshold=None):
    rows = len(batch)
    values, thresholds = values or [None] * rows, [threshold] * rows
    return ledger_rows(batch, stage=stage, reasons=[reason] * rows, values=values, thresholds=thresholds)


def create(pipeline, label, batches):
    return pipeline | label >> beam.Create(batches, reshuffle=False).with_output_types(pa.RecordBatch)


@pytest.fixture
def sampled(tmp_path):
    """sampled(batches, most) -> {group: source rows in the order drawn}"""

    def sample(batches, most):
        file = tmp_path / "samples.json"
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            samples = create(pipeline, "rows", batches) | SampleRows(Recipe(name="x", seed=1), most=most)
            _ = samples | beam.Map(lambda by_group: file.write_text(json.dumps(by_group)) and None)
        by_group = json.loads(file.read_text())
        return {group: [row["source_row"] for _, row in rows] for group, rows in by_group.items()}

    return sample


def test_what_is_drawn_depends_on_no_order_and_no_batching(read_rows, sampled):
    rows = rejected(read_rows(50))
    others = rejected(read_rows(3, first_row=50), Stage.READ, "missing_url")
    once = sampled([rows, others], most=4)
    assert {group: len(drawn) for group, drawn in once.items()} == {"rules too_few_words": 4, "read missing_url": 3}
    assert sampled([others, *(rows.slice(start, 9) for start in range(45, -1, -9)), rows.slice(54)], most=4) == once


def test_kept_rows_are_one_group_drawn_by_the_seed(read_rows):
    drawn = [
        [entry[1]["source_row"] for entry in next(draw_rows(read_rows(99), Recipe(name="x", seed=seed), 5))[1]]
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def drawn_near(batches, recipe):
    """{group: values drawn}, of groups near a bound."""
    by_group = {}
    for batch in batches:
        for group, rows in draw_rows(batch, recipe, 4):
            by_group.setdefault(group, []).append(rows)
    lowest = {group: lowest_drawn(rows, most=4) for group, rows in by_group.items() if group.startswith("near ")}
    return {group: [row["value"] for _, row in rows] for group, rows in lowest.items()}


def test_rejected_rows_nearest_to_their_bound_are_drawn_however_they_are_batched(read_rows):
    recipe = Recipe(name="x")
    rows = rejected(read_rows(9), values=[str(number) for number in (1, 9, 3, 8, 2, 7, 4, 6, 5)], threshold="10")
    expected = {"near rules too_few_words": ["9", "8", "7", "6"]}
    assert drawn_near([rows], recipe) == drawn_near([rows.slice(4), rows.slice(0, 4)], recipe) == expected


def test_rows_without_numbers_are_near_no_bound(read_rows):
    rows = rejected(read_rows(2), Stage.LANGUAGE, "language_not_kept", ["fi 0.81", "sv 0.95"], "en de")
    assert drawn_near([rows], Recipe(name="x")) == {}


def test_kept_rows_nearest_to_a_bound_are_drawn_with_what_was_measured(image_rows):
    captions = ["abcdefgh", "abcdef", "abcde", "abcdefghijkl", "abcdefg"]
    recipe = recipe_from({"name": "x", "captions": {"min_characters": 5}}, source="test")
    rows = image_rows(5, caption=captions)
    assert drawn_near([rows], recipe) == {"near rules too_few_characters": ["5", "6", "7", "8"]}


def test_similarities_are_compared_with_the_bound_of_their_language(image_rows):
    select = {"min_similarity": {"en": 0.3, "default": 0.1}}
    recipe = recipe_from({"name": "x", "clip": {"model": "a"}, "select": select}, source="test")
    batch = image_rows(3, language=["en", "de", "en"])
    batch = batch.append_column("similarity_a", pa.array([0.31, 0.30, 0.5], pa.float32()))
    [(numbers, distances)] = distances_within(batch, recipe).values()
    assert numbers.round(4).tolist() == [0.31, 0.3, 0.5]
    assert distances.round(4).tolist() == [0.01, 0.2, 0.2]


def test_a_conditions_pairs_are_drawn_on_both_sides_of_it_wherever_it_decided(image_rows):
    conditions = {"beauty": {"min": {"en": 5, "default": 3}, "max": 9}, "tone": {"in": ["b"]}}
    recipe = recipe_from({"name": "x", "select": {"conditions": conditions}}, source="test")
    kept = image_rows(4, language=["en", "de", "en", "en"])
    kept = kept.append_column("beauty", pa.array([5.5, 3.25, None, 8.9])).append_column("tone", pa.array(["b"] * 4))
    gone = [
        rejected(image_rows(2), stage, reason, ["beauty 4.5", "beauty 2"], "beauty >= 5")
        for stage, reason in ((Stage.SELECT, "condition_not_met"), (Stage.IMAGE_COLUMNS, "beauty_not_met"))
    ]
    assert drawn_near([kept], recipe) == {"near select.conditions beauty": ["8.9", "3.25", "5.5"]}
    assert drawn_near(gone, recipe) == {"near select.conditions beauty": ["beauty 4.5"] * 2 + ["beauty 2"] * 2}


def test_edited_captions_are_a_group_of_their_own(read_rows):
    rows = with_edited_captions(read_rows(2, caption=["a &amp; b", "&lt;3"]), CaptionEdits(strip=("markup",)))
    rows = rows.append_column(CAPTION_BEFORE, pa.array(["a &amp; b", "&lt;3"]))
    [(group, drawn)] = draw_rows(rows, Recipe(name="x"), 4)
    assert group == "edited"
    assert sorted(row["caption_before"] for _, row in drawn) == ["&lt;3", "a &amp; b"]
