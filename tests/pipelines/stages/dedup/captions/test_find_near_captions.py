import random

import numpy as np
import pyarrow as pa
import pytest
from apache_beam.pvalue import TaggedOutput

from babelsift.filters.dedup import BUCKET_ENTRY, CAPTION_PAIR
from babelsift.filters.uids import compute_uids, uid_bytes
from babelsift.pipelines.stages.dedup.captions.find_near_captions import pairs_in_buckets
from babelsift.pipelines.stages.dedup.pairs import DedupPairs
from babelsift.schemas import RecipeError, recipe_from
from babelsift.schemas.recipe import DedupPairsSettings, NearCaptions

NEAR = DedupPairsSettings(near_captions=NearCaptions())
RED = "a red bicycle leaning against the wall of an old house"


def fates_by_caption(outputs):
    kept = {row["caption"]: None for row in outputs.kept}
    return kept | {row["caption"]: row["value"] for row in outputs.rejected}


def test_captions_that_differ_little_go_and_others_stay(run_stage, read_rows):
    captions = [RED, RED + "s", "A RED bicycle, leaning against the wall of an old house!", "a blue car in the rain"]
    captions += [
        "白くて大きな雪山の風景を眺める人々が二人いる",
        "白くて大きな雪山の風景を眺める人々が二人いた",
        "犬が公園で走っている",
    ]
    batch = read_rows(7, caption=captions)
    outputs = run_stage(DedupPairs(NEAR), [batch])
    uids = batch.column("uid").to_pylist()
    for family in ((0, 1, 2), (4, 5)):
        survivor = min(family, key=lambda row: uids[row])
        kept = {row["source_row"] for row in outputs.kept}
        assert kept & set(family) == {survivor}
        for row in outputs.rejected:
            if row["source_row"] in family:
                assert row["value"].split(" at ")[0] == uids[survivor]
                assert float(row["value"].split(" at ")[1]) >= 0.8
    assert {3, 6} < {row["source_row"] for row in outputs.kept}
    assert {(row["reason"], row["threshold"]) for row in outputs.rejected} == {("near_duplicate_caption", "0.8")}
    assert outputs.counters["dedup_pairs.rejected_near_duplicate_caption_rows"] == 3


def test_it_is_off_unless_asked_for(run_stage, read_rows):
    assert len(run_stage(DedupPairs(DedupPairsSettings()), [read_rows(3, caption=[RED] * 3)]).kept) == 3


def test_short_captions_are_left_alone_where_asked_for(run_stage, read_rows):
    captions = ["red dog", "red dog", "twelve chars", "twelve chars"]
    settings = DedupPairsSettings(near_captions=NearCaptions(min_characters=7))
    outputs = run_stage(DedupPairs(settings), [read_rows(4, caption=captions)])
    assert sorted(row["caption"] for row in outputs.kept) == ["red dog", "red dog", "twelve chars"]


def test_a_row_that_repeats_another_is_nobodys_survivor(run_stage, read_rows):
    batch = read_rows(3, url=["http://a", "http://a", "http://b"], caption=["one other thing entirely", RED, RED + "s"])
    uids = batch.column("uid").to_pylist()
    outputs = run_stage(DedupPairs(NEAR.model_copy(update={"by": "url"})), [batch])
    loser, winner = (0, 1) if uids[1] < uids[0] else (1, 0)
    expected = {loser: "duplicate_url", winner: None, 2: None}
    if winner == 1:
        expected[1 if uids[2] < uids[1] else 2] = "near_duplicate_caption"
    assert outputs.fates() == expected


def test_fates_depend_on_no_order_no_partitions_and_no_retry(run_stage, read_rows):
    draw = random.Random(0)
    words = [
        "red",
        "blue",
        "old",
        "new",
        "house",
        "wall",
        "garden",
        "bicycle",
        "car",
        "street",
        "dog",
        "cat",
        "runs",
        "sleeps",
        "near",
        "far",
    ]
    captions = [" ".join(draw.choices(words, k=8)) for _ in range(60)]
    captions = [draw.choice(captions) + draw.choice(["", "", "s", " x"]) for _ in range(240)]
    whole = read_rows(240, caption=captions)
    expected = run_stage(DedupPairs(NEAR, partitions=1), [whole]).fates()
    assert set(expected.values()) == {None, "near_duplicate_caption"}
    pieces = [whole.slice(start, 17) for start in range(0, 240, 17)]
    draw.shuffle(pieces)
    assert run_stage(DedupPairs(NEAR, partitions=3), pieces).fates() == expected
    repeated = run_stage(DedupPairs(NEAR, partitions=2), pieces, bundle_repeat=1)
    assert {row["source_row"] for row in repeated.kept} == {row for row, reason in expected.items() if reason is None}


def test_a_template_with_thousands_of_variations_leaves_some_of_each_kind(run_stage, read_rows):
    draw = random.Random(0)
    template = (
        "photo number {} for sale in the big old market hall of the harbour town by the sea, prints in every size"
    )
    captions = [template.format(draw.randrange(10**5)) for _ in range(3000)] + [RED]
    outputs = run_stage(DedupPairs(NEAR, partitions=2), [read_rows(3001, caption=captions)])
    kept = {row["caption"] for row in outputs.kept}
    assert RED in kept
    assert 1 < len(kept) < 100


def test_no_rows_are_no_failure(run_stage):
    assert run_stage(DedupPairs(NEAR), []).fates() == {}


def test_settings_that_cannot_find_what_they_promise_are_one_clear_line():
    with pytest.raises(RecipeError, match=r"64 permutations find fewer than 0.95 .* set permutations to 149 or more"):
        recipe_from({"name": "a", "dedup_pairs": {"near_captions": {"min_jaccard": 0.02}}}, source="a.yaml")


@pytest.mark.parametrize(
    ("settings", "banding"), [({}, (10, 6)), ({"permutations": 128}, (13, 7)), ({"min_jaccard": 1.0}, (1, 64))]
)
def test_bands_follow_from_the_threshold(settings, banding):
    near = NearCaptions(**settings)
    bands, rows = near.banding
    assert near.banding == banding
    assert 1 - (1 - near.min_jaccard**rows) ** bands >= near.min_recall


def test_what_candidates_send_grows_by_partition_not_by_its_square():
    """The others of all pairs that a partition finds go to a partition once, whichever pairs they are of."""
    uids = np.sort(uid_bytes(compute_uids(pa.array(map(str, range(400))), pa.array([""] * 400))).view("S16"))
    entries = np.zeros(400, BUCKET_ENTRY)
    entries["bucket"], entries["uid"] = np.arange(400) // 4, uids.view("V16")
    found = list(pairs_in_buckets((0, [entries.tobytes()]), NearCaptions(), 32))
    others = [output.value for output in found if isinstance(output, TaggedOutput)]
    assert len(others) == len({target for target, _ in others}) <= 32
    assert len(found) - len(others) <= 32
    pairs = np.concatenate([np.frombuffer(output[1], CAPTION_PAIR) for output in found if isinstance(output, tuple)])
    assert {uid.tobytes() for uid in pairs["uid"]} == {
        packed[start : start + 16] for _, packed in others for start in range(0, len(packed), 16)
    }
