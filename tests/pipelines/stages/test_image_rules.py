from babelsift.pipelines.stages.image_rules import FilterImages
from babelsift.schemas.recipe import ImageRules


def test_each_rule_gives_its_reason_value_and_threshold(run_stage, image_rows):
    batch = image_rows(
        4,
        original_width=[300, 199, 900, 300],
        original_height=[300, 400, 250, 300],
        original_bytes=[6000, 6000, 6000, 4999],
    )
    rules = ImageRules(min_bytes=5000, min_side_px=200, max_aspect_ratio=3.0)
    outputs = run_stage(FilterImages(rules), [batch])
    assert [(row["source_row"], row["reason"], row["value"], row["threshold"]) for row in outputs.rejected] == [
        (1, "image_too_small", "199x400 px", "200"),
        (2, "aspect_ratio_too_large", "900x250 px", "3"),
        (3, "file_too_small", "4999", "5000"),
    ]
    assert [row["source_row"] for row in outputs.kept] == [0]


def test_rules_that_are_off_keep_everything(run_stage, image_rows):
    batch = image_rows(2, original_width=[1, 9000], original_bytes=[0, 1])
    assert len(run_stage(FilterImages(ImageRules()), [batch]).kept) == 2
