import numpy as np
import pyarrow as pa
import pytest

from pipelines.select import SelectPairs
from schemas.recipe import SelectSettings


@pytest.fixture
def scored(image_rows):
    def make(scores, languages=None):
        scores = pa.array(scores, pa.float32())
        return image_rows(len(scores), similarity_m=scores, language=languages or ["en"] * len(scores))

    return make


def fates(run_stage, batches, **settings):
    return run_stage(SelectPairs(SelectSettings(**settings), "m"), batches).fates()


@pytest.mark.parametrize("threshold", [0.26, 0.28, 0.3])
def test_a_similarity_equal_to_the_threshold_is_kept(run_stage, scored, threshold):
    below = float(np.nextafter(np.float32(threshold), np.float32(0)))
    batch = scored([threshold, below, 0.9, None])
    low = "similarity_too_low"
    assert fates(run_stage, [batch], min_similarity=threshold) == {0: None, 1: low, 2: None, 3: low}


def test_thresholds_by_language_with_a_default(run_stage, scored):
    batch = scored([0.29, 0.29, 0.25], ["en", "de", "de"])
    outputs = run_stage(SelectPairs(SelectSettings(min_similarity={"en": 0.3, "default": 0.26}), "m"), [batch])
    assert outputs.fates() == {0: "similarity_too_low", 1: None, 2: "similarity_too_low"}
    assert [(row["value"], row["threshold"]) for row in outputs.rejected] == [("0.29", "0.3"), ("0.25", "0.26")]


def test_the_top_fraction_is_of_all_batches_together(run_stage, scored):
    scores = np.random.default_rng(0).permutation(100) / 100
    batch = scored(scores.tolist())
    kept = fates(run_stage, [batch.slice(start, 9) for start in range(0, 100, 9)], top_fraction=0.3)
    # DataComp keeps what is >= the value at index int(n * fraction) of the descending scores: 31 of 100 here.
    assert {row for row, reason in kept.items() if reason is None} == set(np.flatnonzero(scores >= 0.69))


def test_each_language_has_its_own_top(run_stage, scored):
    batch = scored([0.9, 0.8, 0.7, 0.6, 0.1, 0.05, 0.04, 0.03], ["en"] * 4 + ["sw"] * 4)
    outside = "outside_top_fraction"
    assert fates(run_stage, [batch], top_fraction_by_language=0.25) == {
        0: None, 1: None, 2: outside, 3: outside, 4: None, 5: None, 6: outside, 7: outside
    }  # fmt: skip


def test_without_a_model_everything_is_kept(run_stage, image_rows):
    outputs = run_stage(SelectPairs(SelectSettings(), None), [image_rows(3)])
    assert outputs.fates() == {0: None, 1: None, 2: None}


def test_no_rows_have_no_top_and_no_failure(run_stage):
    assert fates(run_stage, [], top_fraction=0.3) == {}
