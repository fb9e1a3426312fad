"""One to one in a document: what is matched is the best that a document has, and each row is counted once."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.optimize import linear_sum_assignment

from babelsift.pipelines.stages.select.select_pairs import SelectPairs
from babelsift.schemas.recipe import PairCaps, SelectSettings

SHAPES = {"a.jsonl#0": (2, 4), "a.jsonl#1": (4, 2), "a.jsonl#2": (3, 3)}
BESIDE = 3  # rows of no document


@pytest.fixture
def documents(image_rows):
    """A batch of all pairs of images and texts of each document, and of rows of none; and their scores."""
    draw = np.random.default_rng(1)
    pairs = [(name, i, t) for name, (images, texts) in SHAPES.items() for i in range(images) for t in range(texts)]
    pairs += [(None, 9 + number, 0) for number in range(BESIDE)]
    scores = draw.normal(0.3, 0.1, len(pairs)).astype(np.float32)
    numbers = {image: number for number, image in enumerate(dict.fromkeys((name, i) for name, i, _ in pairs))}
    images = [numbers[name, i] for name, i, _ in pairs]
    batch = image_rows(
        len(pairs),
        url=[f"http://x/{image}.jpg" for image in images],
        key=[f"{image:04}" for image in images],
        staging_shard=[image % 3 for image in images],
        caption=[f"{name} says {t}" for name, _, t in pairs],
        similarity_m=scores,
        document=pa.array([name for name, _, _ in pairs], pa.string()),
    )
    return batch, pairs, scores


def expected(pairs, scores):
    """The rows that scipy's linear_sum_assignment matches of each document, and those of none."""
    rows = {pair: row for row, pair in enumerate(pairs)}
    kept = {row for pair, row in rows.items() if pair[0] is None}
    for name, (images, texts) in SHAPES.items():
        matrix = np.array([[scores[rows[name, i, t]] for t in range(texts)] for i in range(images)])
        kept |= {rows[name, i, t] for i, t in zip(*linear_sum_assignment(-matrix), strict=True)}
    return kept


def kept_rows(outputs):
    return {row for row, reason in outputs.fates().items() if reason is None}


@pytest.mark.parametrize("partitions", [1, 5])
def test_what_is_kept_is_the_best_matching_of_each_document(run_stage, documents, partitions):
    batch, pairs, scores = documents
    stage = SelectPairs(SelectSettings(one_to_one_in="document"), ("m",), partitions=partitions)
    by_image = batch.take(pa.array(np.argsort(batch.column("key").to_pylist(), kind="stable")))
    outputs = run_stage(stage, [by_image.slice(0, 12), by_image.slice(12)])
    assert kept_rows(outputs) == expected(pairs, scores)
    assert {row["reason"] for row in outputs.rejected} == {"not_matched_in_document"}
    assert {row["value"] for row in outputs.rejected} <= {f"{float(score):.6g}" for score in scores}
    assert outputs.counters["select.in_rows"] == len(batch)
    assert outputs.counters["select.out_rows"] == len(outputs.kept)


def test_what_rules_leave_out_is_not_matched_and_caps_count_what_is(run_stage, documents):
    batch, pairs, scores = documents
    least = float(np.sort(scores)[6])
    settings = SelectSettings(min_similarity=least, one_to_one_in="document", caps=PairCaps(per_language=4))
    outputs = run_stage(SelectPairs(settings, ("m",)), [batch])
    fates = outputs.fates()
    reasons = list(fates.values())
    assert reasons.count("similarity_too_low") == 6
    assert (reasons.count(None), reasons.count("beyond_language_cap") > 0) == (4, True)
    in_documents = [pairs[row] for row, reason in fates.items() if reason in (None, "beyond_language_cap")]
    for sides in (slice(0, 2), slice(0, 3, 2)):
        named = [pair[sides] for pair in in_documents if pair[0] is not None]
        assert len(set(named)) == len(named)
    counted = sum(count for name, count in outputs.counters.items() if name.startswith("select.rejected_"))
    assert (outputs.counters["select.in_rows"], counted) == (len(batch), len(batch) - 4)


def test_equal_similarities_are_decided_alike_in_whatever_order_rows_come(run_stage, documents):
    batch, _, _ = documents
    place = batch.schema.get_field_index("similarity_m")
    equal = batch.set_column(place, batch.schema.field(place), pa.array(np.full(len(batch), 0.25, np.float32)))
    stage = SelectPairs(SelectSettings(one_to_one_in="document"), ("m",))
    keys = batch.column("key").to_pylist()
    by_image = [equal.filter(pa.array([one == key for one in keys])) for key in sorted(set(keys))]
    first, second = (
        sorted(row["uid"] for row in run_stage(SelectPairs(stage.settings, ("m",)), batches).kept)
        for batches in (by_image, by_image[::-1])
    )
    assert first == second
    assert len(first) == sum(map(min, SHAPES.values())) + BESIDE
    assert len(set(first)) == len(first)
