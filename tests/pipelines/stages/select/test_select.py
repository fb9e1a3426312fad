import json
import re

import numpy as np
import pyarrow as pa
import pytest

from babelsift.filters.selection import Backfill, ScoreChoice, Threshold, TopFraction
from babelsift.pipelines.stages.select.select_pairs import SelectPairs, check_columns, report_of
from babelsift.schemas import RecipeError, score_schema
from babelsift.schemas.recipe import SelectSettings


@pytest.fixture
def scored(image_rows):
    def make(scores, languages=None):
        scores = pa.array(scores, pa.float32())
        return image_rows(len(scores), similarity_m=scores, language=languages or ["en"] * len(scores))

    return make


def with_columns(batch, **columns):
    for name, values in columns.items():
        place = batch.schema.get_field_index(name)
        batch = batch.set_column(place, batch.schema.field(place), pa.array(values))
    return batch


def fates(run_stage, batches, **settings):
    return run_stage(SelectPairs(SelectSettings(**settings), ("m",)), batches).fates()


@pytest.mark.parametrize("threshold", [0.26, 0.28, 0.3])
def test_a_similarity_equal_to_the_threshold_is_kept(run_stage, scored, threshold):
    below = float(np.nextafter(np.float32(threshold), np.float32(0)))
    batch = scored([threshold, below, 0.9, None])
    low = "similarity_too_low"
    assert fates(run_stage, [batch], min_similarity=threshold) == {0: None, 1: low, 2: None, 3: low}


def test_thresholds_by_language_with_a_default(run_stage, scored):
    batch = scored([0.29, 0.29, 0.25], ["en", "de", "de"])
    outputs = run_stage(SelectPairs(SelectSettings(min_similarity={"en": 0.3, "default": 0.26}), ("m",)), [batch])
    assert outputs.fates() == {0: "similarity_too_low", 1: None, 2: "similarity_too_low"}
    assert [(row["value"], row["threshold"]) for row in outputs.rejected] == [("0.29", "0.3"), ("0.25", "0.26")]


def test_the_top_fraction_is_of_all_batches_together(run_stage, scored):
    scores = np.random.default_rng(0).permutation(100) / 100
    batch = scored(scores.tolist())
    kept = fates(run_stage, [batch.slice(start, 9) for start in range(0, 100, 9)], top_fraction=0.3)
    # DataComp keeps what is >= the value at index int(n * fraction) of the descending scores: 31 of 100 here.
    assert {row for row, reason in kept.items() if reason is None} == set(np.flatnonzero(scores >= 0.69))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("values", [[0.9, None, 0.2, 0.8, float("inf")], [90, None, 20, 80, None]])
def test_a_columns_numbers_count_as_a_similarity_in_a_recipe_without_a_model(run_stage, image_rows, exact, values):
    settings = SelectSettings(model="matching", top_fraction=0.5, exact_fractions=exact)
    outputs = run_stage(SelectPairs(settings, ()), [image_rows(5, matching=pa.array(values))])
    outside = "outside_top_fraction"
    assert outputs.fates() == {0: None, 1: outside, 2: outside, 3: None, 4: outside}


def test_each_language_has_its_own_top(run_stage, scored):
    batch = scored([0.9, 0.8, 0.7, 0.6, 0.1, 0.05, 0.04, 0.03], ["en"] * 4 + ["sw"] * 4)
    outside = "outside_top_fraction"
    assert fates(run_stage, [batch], top_fraction_by_language=0.25) == {
        0: None, 1: None, 2: outside, 3: outside, 4: None, 5: None, 6: outside, 7: outside
    }  # fmt: skip


def test_without_a_model_everything_is_kept(run_stage, image_rows):
    outputs = run_stage(SelectPairs(SelectSettings(), ()), [image_rows(3)])
    assert outputs.fates() == {0: None, 1: None, 2: None}


def test_no_rows_have_no_top_and_no_failure(run_stage):
    assert fates(run_stage, [], top_fraction=0.3) == {}


def test_the_exact_cut_is_the_very_value_at_datacomps_index(run_stage, scored):
    # A thousand scores within one bin of the histogram: only their values tell them apart.
    scores = (0.3 + np.random.default_rng(1).permutation(1000) * 1e-7).astype(np.float32)
    batch = scored(scores.tolist())
    parts = [batch.slice(start, 130) for start in range(0, 1000, 130)]
    kept = fates(run_stage, parts, top_fraction=0.3, exact_fractions=True)
    at = -np.sort(-scores)[int(len(scores) * 0.3)]
    assert {row for row, reason in kept.items() if reason is None} == set(np.flatnonzero(scores >= at).tolist())
    assert 295 < (scores >= at).sum() < 310


def test_exact_fractions_of_each_language_and_of_all_by_two_models(run_stage, image_rows):
    rng = np.random.default_rng(2)
    languages = rng.choice(["en", "de", "sw"], 400, p=[0.8, 0.17, 0.03])
    m, other = (rng.normal(0.25, 0.05, 400).astype(np.float32).round(3) for _ in range(2))
    batch = image_rows(400, language=languages.tolist(), similarity_m=pa.array(m), similarity_other=pa.array(other))
    rules = [{"top_fraction_by_language": {"en": 0.5, "default": 0.25}}, {"top_fraction": 0.4, "model": "other"}]
    settings = SelectSettings.model_validate_json(json.dumps({"all_of": rules, "exact_fractions": True}))
    outputs = run_stage(SelectPairs(settings, ("m", "other")), [batch.slice(0, 170), batch.slice(170)])
    expected = other >= -np.sort(-other)[160]
    for language, fraction in (("en", 0.5), ("de", 0.25), ("sw", 0.25)):
        own = m[languages == language]
        expected &= (languages != language) | (m >= -np.sort(-own)[int(len(own) * fraction)])
    assert {row["source_row"] for row in outputs.kept} == set(np.flatnonzero(expected).tolist())
    assert outputs.counters["select.in_rows"] == 400
    assert (
        outputs.counters["select.rejected_outside_top_fraction_rows"] == len(outputs.rejected) == 400 - expected.sum()
    )


def capped(run_stage, batches, seed=0, names=("m",), partitions=1, **caps):
    settings = SelectSettings.model_validate_json(json.dumps({"caps": caps}))
    return run_stage(SelectPairs(settings, names, seed, partitions=partitions), batches)


def shuffled(batch, parts, seed):
    order = np.random.default_rng(seed).permutation(len(batch))
    return [batch.take(pa.array(rows)) for rows in np.array_split(order, parts)]


def test_a_caption_cap_keeps_the_best_and_a_host_cap_counts_what_is_left(run_stage, scored):
    batch = scored([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], ["en"] * 6)
    urls = [
        "http://a.x.com/1",
        "http://b.x.com/2",
        "http://x.com/3",
        "http://y.com/4",
        "http://x.com/5",
        "http://y.com/6",
    ]
    batch = with_columns(batch, url=urls, caption=["same", "same", "same", "other", "third", "fourth"])
    outputs = capped(run_stage, [batch.slice(0, 4), batch.slice(4)], per_caption=1, per_host=1)
    host, caption = "beyond_host_cap", "beyond_caption_cap"
    assert outputs.fates() == {0: None, 1: caption, 2: caption, 3: None, 4: host, 5: host}
    assert {(row["source_row"], row["value"], row["threshold"]) for row in outputs.rejected if row["source_row"] in (1, 4)} == {
        (1, "same", "1"), (4, "x.com", "1")
    }  # fmt: skip


def test_what_a_caption_cap_leaves_out_takes_no_place_in_its_host(run_stage, scored):
    batch = with_columns(
        scored([0.9, 0.8, 0.1]), url=["http://y.com/1", "http://x.com/2", "http://x.com/3"], caption=["a", "a", "b"]
    )
    assert capped(run_stage, [batch], per_caption=1, per_host=1).fates() == {0: None, 1: "beyond_caption_cap", 2: None}


@pytest.mark.parametrize("prefer", ["similarity", "seed"])
def test_a_language_cap_keeps_exactly_so_many_whatever_the_order(run_stage, scored, prefer):
    rng = np.random.default_rng(3)
    scores = rng.choice([0.2, 0.3, 0.4], 300).astype(np.float32)  # a hundred ties at each
    languages = rng.choice(["en", "de", "sw"], 300, p=[0.7, 0.28, 0.02])
    batch = scored(scores.tolist(), languages.tolist())
    caps = {"per_language": {"en": 50, "default": 20}, "prefer": prefer}
    kept = [{row["source_row"] for row in capped(run_stage, shuffled(batch, 5, seed), **caps).kept} for seed in (0, 1)]
    assert kept[0] == kept[1]
    rows = np.array(sorted(kept[0]))
    count = {language: int((languages[rows] == language).sum()) for language in ("en", "de", "sw")}
    assert count == {"en": 50, "de": 20, "sw": int((languages == "sw").sum())}
    if prefer == "similarity":
        for language, most in (("en", 50), ("de", 20)):
            own = np.sort(scores[languages == language])[::-1]
            assert sorted(scores[rows[languages[rows] == language]], reverse=True) == own[:most].tolist()


def test_another_seed_draws_other_pairs(run_stage, scored):
    batch = scored([0.5] * 200)
    kept = [
        frozenset(row["source_row"] for row in capped(run_stage, [batch], seed, per_language=50, prefer="seed").kept)
        for seed in (0, 1)
    ]
    assert len(kept[0]) == len(kept[1]) == 50
    assert kept[0] != kept[1]


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_cap_under_skew_is_what_a_sort_of_everything_gives(run_stage, scored, partitions):
    rng = np.random.default_rng(4)
    scores = rng.random(500).astype(np.float32)
    captions = np.where(rng.random(500) < 0.6, "everywhere", [f"c{n % 90}" for n in range(500)])
    batch = with_columns(scored(scores.tolist()), caption=captions.tolist())
    outputs = capped(run_stage, shuffled(batch, 7, 0), partitions=partitions, per_caption=3)
    kept = {row["source_row"] for row in outputs.kept}
    expected = set()
    for caption in set(captions):
        own = np.flatnonzero(captions == caption)
        expected |= set(own[np.argsort(-scores[own])][:3].tolist())
    assert kept == expected


def test_a_minimum_gives_back_what_the_cut_left_out_before_caps_apply(run_stage, scored):
    batch = scored([0.31, 0.29, 0.28, 0.05, 0.4, 0.1], ["sw"] * 4 + ["en"] * 2)
    settings = SelectSettings.model_validate_json(
        json.dumps({"min_similarity": 0.3, "min_pairs_per_language": {"sw": 3}, "caps": {"per_language": 2}})
    )
    outputs = run_stage(SelectPairs(settings, ("m",)), [batch.slice(0, 2), batch.slice(2)])
    low = "similarity_too_low"
    assert outputs.fates() == {0: None, 1: None, 2: "beyond_language_cap", 3: low, 4: None, 5: low}
    assert outputs.counters["select.in_rows"] == 6
    assert outputs.counters["select.out_rows"] + len(outputs.rejected) == 6


def test_the_account_of_a_selection_says_what_was_cut_and_given_back():
    asked = TopFraction(ScoreChoice.of(None, ("m",)), "", 0.5)
    backfills = {
        "sw": Backfill(kept=2, minimum=9, threshold=Threshold(0.2, 6000), backfilled=7),
        "ht": Backfill(1, 9, Threshold(np.inf), 0),
    }
    assert report_of(({asked: Threshold(0.25, 6250)}, backfills)) == {
        "top_fractions": [
            {"models": {"default": "m"}, "language": None, "fraction": 0.5, "lowest_kept": 0.25, "exact": False}
        ],
        "relaxed_languages": {
            "ht": {"minimum": 9, "kept_before": 1, "given_back": 0, "lowest_given_back": None},
            "sw": {"minimum": 9, "kept_before": 2, "given_back": 7, "lowest_given_back": 0.2},
        },
    }


COLUMNS = pa.schema([*score_schema(("m",)), pa.field("punsafe", pa.float32()), pa.field("label", pa.string())])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("punsfe", "no column 'punsfe' reaches this stage; did you mean 'punsafe'?"),
        ("similarity_n", "did you mean 'similarity_m'?"),
        ("label", "column 'label' holds string, and a condition compares numbers"),
        ("zzzz", "there are source_row, language_score"),
    ],
)
def test_a_condition_on_no_number_is_found_before_the_run(column, message):
    rules = {"any_of": [{"all_of": [{"conditions": {column: {"min": 0.5}}}]}]}
    with pytest.raises(RecipeError, match=re.escape(message)):
        check_columns(SelectSettings.model_validate_json(json.dumps(rules)), COLUMNS)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"in": [115]}, "column 'label' holds string, and in names none of its values: 115; write values of its type"),
        ({"not_in": {"en": [True]}}, "column 'label' holds string, and not_in names none of its values: true;"),
    ],
)
def test_a_list_of_what_a_column_cannot_have_is_found_before_the_run(condition, message):
    rules = {"any_of": [{"conditions": {"label": condition}}]}
    with pytest.raises(RecipeError, match=re.escape(message)):
        check_columns(SelectSettings.model_validate_json(json.dumps(rules)), COLUMNS)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("label", "select.model: column 'label' holds string, no numbers; there are source_row"),
        ({"en": "m", "default": "punsfe"}, "select.model: column 'punsfe' is not there; did you mean 'punsafe'?"),
    ],
)
def test_what_counts_as_a_similarity_must_be_numbers(model, message):
    with pytest.raises(RecipeError, match=re.escape(message)):
        check_columns(SelectSettings(model=model, top_fraction=0.5), COLUMNS)
    check_columns(SelectSettings(model={"en": "m", "default": "punsafe"}, top_fraction=0.5), COLUMNS)


def test_conditions_on_scores_sizes_and_the_inputs_numbers_are_fine():
    rules = {"conditions": {name: {"min": 0} for name in ("punsafe", "width", "original_bytes", "similarity_m")}}
    check_columns(SelectSettings.model_validate_json(json.dumps(rules)), COLUMNS)
