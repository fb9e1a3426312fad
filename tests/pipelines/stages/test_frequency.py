import random

import pyarrow as pa
import pytest

from babelsift.pipelines.stages.frequency import FilterFrequencies
from babelsift.schemas.recipe import FrequencyRules


def test_a_caption_on_as_many_images_as_allowed_stays_and_on_one_more_goes(run_stage, read_rows):
    captions = ["three"] * 3 + ["four"] * 4 + ["one"]
    batch = read_rows(8, caption=captions)
    outputs = run_stage(
        FilterFrequencies(FrequencyRules(max_images_per_caption=3), 2), [batch.slice(0, 5), batch.slice(5)]
    )
    reasons = {"four": "caption_on_too_many_images"}
    assert outputs.fates() == {row: reasons.get(caption) for row, caption in enumerate(captions)}
    assert {(row["stage"], row["value"], row["threshold"]) for row in outputs.rejected} == {
        ("frequency", "more than 3", "3")
    }
    assert outputs.counters == {
        "frequency.in_rows": 8,
        "frequency.out_rows": 4,
        "frequency.rejected_caption_on_too_many_images_rows": 4,
    }


def test_different_images_count_not_rows(run_stage, read_rows):
    batch = read_rows(9, caption=["a"] * 9, url=["http://x/1"] * 8 + ["http://x/2"])
    assert not run_stage(FilterFrequencies(FrequencyRules(max_images_per_caption=2)), [batch]).rejected
    assert len(run_stage(FilterFrequencies(FrequencyRules(max_images_per_caption=1)), [batch]).rejected) == 9


def test_an_image_with_too_many_captions_goes(run_stage, read_rows):
    batch = read_rows(6, url=["http://x/1"] * 4 + ["http://x/2"] * 2)
    outputs = run_stage(FilterFrequencies(FrequencyRules(max_captions_per_image=3)), [batch])
    assert outputs.fates() == dict.fromkeys(range(4), "image_with_too_many_captions") | {4: None, 5: None}


def test_the_texts_of_one_page_count_once_wherever_its_rows_are(run_stage, read_rows):
    batch = read_rows(8, url=["http://x/1"] * 4 + ["http://x/2"] * 4)
    pages = ["http://p/"] * 4 + [f"http://p/{number}" for number in range(3)] + [None]
    batch = batch.append_column("page_url", pa.array(pages))
    expected = dict.fromkeys(range(4)) | dict.fromkeys(range(4, 8), "image_with_too_many_captions")
    for pieces in ([batch], [batch.slice(row, 1) for row in range(8)]):
        stage = FilterFrequencies(FrequencyRules(max_captions_per_image=3))
        assert run_stage(stage, pieces).fates() == expected


def test_both_rules_count_all_of_the_input_whatever_its_order(run_stage, read_rows):
    draw = random.Random(0)
    batch = read_rows(
        300,
        url=[f"http://x/{draw.randrange(40)}" for _ in range(300)],
        caption=[f"caption {draw.randrange(40)}" for _ in range(300)],
    )
    rules = FrequencyRules(max_images_per_caption=6, max_captions_per_image=6)
    expected = run_stage(FilterFrequencies(rules, 1), [batch]).fates()
    assert len(set(expected.values())) == 3
    pieces = [batch.slice(start, 11) for start in range(0, 300, 11)]
    draw.shuffle(pieces)
    assert run_stage(FilterFrequencies(rules, 5), pieces).fates() == expected


def test_rules_that_are_off_pass_everything(run_stage, read_rows):
    outputs = run_stage(FilterFrequencies(FrequencyRules()), [read_rows(4, caption=["same"] * 4)])
    assert len(outputs.kept) == 4
    assert run_stage(FilterFrequencies(FrequencyRules(max_images_per_caption=1)), []).fates() == {}


def test_partitions_are_checked():
    with pytest.raises(ValueError, match="partitions should be at least 1, found 0"):
        FilterFrequencies(FrequencyRules(), 0)
