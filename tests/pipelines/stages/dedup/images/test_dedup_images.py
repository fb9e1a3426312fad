import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.filters.dedup import (
    IMAGE_HASHES,
    near_image_links,
    nearest_of_pairs,
    pack_image_hashes,
    unpack_image_hashes,
)
from babelsift.filters.image import hash_pixels, low_bits
from babelsift.pipelines.stages.dedup.duplicates_table import DUPLICATES
from babelsift.pipelines.stages.dedup.images import DedupImages
from babelsift.pipelines.stages.dedup.images.near_images import hash_partitions, partitions_of
from babelsift.schemas.recipe import DedupImagesSettings
from tests.support.pictures import picture

NEAR = DedupImagesSettings(near_radius_bits=20)


def hashes(count, seed=0):
    return [row.tobytes() for row in np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)]


def flipped(hashed, bits):
    changed = np.unpackbits(np.frombuffer(hashed, dtype=np.uint8))
    changed[:bits] ^= 1
    return np.packbits(changed).tobytes()


def uids(batch, *rows):
    return [batch.column("uid")[row].as_py() for row in rows]


def test_equal_bytes_fall_to_the_lowest_uid(run_stage, image_rows):
    batch = image_rows(6, sha256=["a" * 64] * 3 + ["b" * 64] * 2 + ["c" * 64], phash=hashes(6))
    outputs = run_stage(DedupImages(DedupImagesSettings()), [batch.slice(0, 2), batch.slice(2)])
    survivors = [min(uids(batch, 0, 1, 2)), min(uids(batch, 3, 4)), *uids(batch, 5)]
    assert sorted(row["uid"] for row in outputs.kept) == sorted(survivors)
    assert {row["reason"] for row in outputs.rejected} == {"duplicate_image"}
    assert {row["value"] for row in outputs.rejected} == set(survivors[:2])


def test_near_hashes_fall_to_the_lowest_uid_with_their_distance(run_stage, image_rows):
    one, other = hashes(2)
    batch = image_rows(3, phash=[one, flipped(one, 9), other])
    outputs = run_stage(DedupImages(NEAR), [batch])
    assert sorted(row["uid"] for row in outputs.kept) == sorted([min(uids(batch, 0, 1)), *uids(batch, 2)])
    [gone] = outputs.rejected
    assert gone["reason"] == "near_duplicate_image"
    assert gone["value"] == f"{min(uids(batch, 0, 1))} at 9 bits"
    assert gone["threshold"] == "20"


def test_copies_of_a_near_duplicate_share_its_fate(run_stage, image_rows):
    one = hashes(1)[0]
    batch = image_rows(40, phash=[one] * 20 + [flipped(one, 5)] * 20)
    outputs = run_stage(DedupImages(NEAR, partitions=3), [batch.slice(start, 8) for start in range(0, 40, 8)])
    lowest = min(batch.column("uid").to_pylist())
    assert [row["uid"] for row in outputs.kept] == [lowest]
    distances = {row["value"].split(" at ")[1] for row in outputs.rejected}
    assert {row["value"].split(" at ")[0] for row in outputs.rejected} == {lowest}
    assert distances == {"0 bits", "5 bits"}


def test_images_without_structure_are_never_merged_by_hash(run_stage, image_rows):
    one = hashes(1)[0]
    batch = image_rows(4, phash=[one] * 4, phash_quality=[0.0, 0.0, 0.05, 0.5])
    assert set(run_stage(DedupImages(NEAR), [batch]).fates().values()) == {None}


def test_everything_can_be_switched_off(run_stage, image_rows):
    batch = image_rows(4, phash=hashes(1) * 4, sha256=["a" * 64] * 4)
    assert len(run_stage(DedupImages(DedupImagesSettings(exact=False)), [batch]).kept) == 4


def test_verdicts_depend_on_no_batching(run_stage, image_rows):
    base = hashes(30)
    batch = image_rows(90, phash=[flipped(base[row % 30], 4 * (row // 30)) for row in range(90)])
    expected = run_stage(DedupImages(NEAR), [batch]).fates()
    assert sum(reason is None for reason in expected.values()) == 30
    pieces = [batch.slice(start, 11) for start in range(0, 90, 11)][::-1]
    assert run_stage(DedupImages(NEAR, partitions=5), pieces).fates() == expected


def fate(outputs, row):
    [found] = [rejected for rejected in outputs.rejected if rejected["source_row"] == row]
    return found["reason"], found["value"]


def test_a_million_copies_cost_as_much_as_one(run_stage, image_rows):
    one = hashes(1)[0]
    batch = image_rows(5000, phash=[one] * 5000)
    outputs = run_stage(DedupImages(NEAR, partitions=2), [batch.slice(start, 500) for start in range(0, 5000, 500)])
    assert len(outputs.kept) == 1
    assert outputs.counters["dedup_images.rejected_near_duplicate_image_rows"] == 4999


def test_equal_pixels_in_other_containers(run_stage, image_rows):
    batch = image_rows(4, phash=hashes(4), pixels_digest=["a" * 64, "a" * 64, None, None])
    assert run_stage(DedupImages(DedupImagesSettings()), [batch]).rejected == []
    [gone] = run_stage(DedupImages(DedupImagesSettings(exact="pixels")), [batch]).rejected
    assert (gone["reason"], gone["value"]) == ("duplicate_image", min(uids(batch, 0, 1)))


def test_bytes_stand_for_pixels_that_are_not_known(run_stage, image_rows):
    batch = image_rows(3, phash=hashes(3), sha256=["b" * 64] * 3)
    outputs = run_stage(DedupImages(DedupImagesSettings(exact="pixels")), [batch])
    assert [row["uid"] for row in outputs.kept] == [min(uids(batch, 0, 1, 2))]


def test_one_photo_may_keep_its_captions(run_stage, image_rows):
    one = hashes(1)[0]
    captions = ["a cat", "a cat", "eine Katze", "a cat", "eine Katze"]
    near = [one, flipped(one, 3), flipped(one, 1), one, one]
    batch = image_rows(5, phash=near, caption=captions)
    settings = DedupImagesSettings(near_radius_bits=10, by="image_and_caption")
    outputs = run_stage(DedupImages(settings, partitions=3), [batch])
    assert sorted(row["caption"] for row in outputs.kept) == ["a cat", "eine Katze"]
    assert {row["uid"] for row in outputs.kept} == {min(uids(batch, 0, 1, 3)), min(uids(batch, 2, 4))}


def test_the_largest_original_survives_where_asked(run_stage, image_rows):
    one, other = hashes(2)
    batch = image_rows(
        5, phash=[one, flipped(one, 4), one, other, other], sha256=["c" * 64, "d" * 64, "e" * 64, "f" * 64, "f" * 64],
        original_width=[500, 900, 500, 100, 100], original_height=[500, 900, 600, 100, 200],
    )  # fmt: skip
    settings = DedupImagesSettings(near_radius_bits=20, survivor="largest_original")
    outputs = run_stage(DedupImages(settings, partitions=2), [batch.slice(0, 3), batch.slice(3)])
    assert sorted(row["source_row"] for row in outputs.kept) == [1, 4]
    assert fate(outputs, 0) == fate(outputs, 2) == ("near_duplicate_image", f"{uids(batch, 1)[0]} at 4 bits")


def test_a_crop_falls_to_its_original(run_stage, image_rows):
    whole, cut, other = hashes(3, seed=4)
    low = low_bits(np.frombuffer(cut, np.uint8)[None])[0].tobytes()
    strange = hashes(7, seed=5)
    crops = [b"".join([*strange[:6], low, low]), b"".join(strange), b"".join(hashes(7, seed=6))]
    batch = image_rows(3, phash=[whole, cut, other], phash_crops=crops)
    outputs = run_stage(DedupImages(NEAR), [batch])
    [gone] = outputs.rejected
    assert gone["value"] == f"{min(uids(batch, 0, 1))} at 0 bits of a crop"
    assert run_stage(DedupImages(DedupImagesSettings(near_radius_bits=20, near_crops=False)), [batch]).rejected == []


def test_a_mirrored_copy_falls_to_its_original_unless_orientations_tell_images_apart(run_stage, image_rows):
    image = picture(3)
    pixels = [image, np.ascontiguousarray(image[:, ::-1]), picture(4)]
    columns = [hash_pixels(one).columns() for one in pixels]
    stored = {name: [column[name] for column in columns] for name in columns[0]}
    batch = image_rows(3, sha256=stored["pixels_digest"], **stored)
    [gone] = run_stage(DedupImages(NEAR), [batch]).rejected
    survivor, _, bits = gone["value"].split(maxsplit=2)
    assert survivor == min(uids(batch, 0, 1))
    assert bits.endswith("bits of an altered copy")
    for settings in ({"orientations": False}, {"near_crops": False}):
        assert run_stage(DedupImages(DedupImagesSettings(near_radius_bits=20, **settings)), [batch]).rejected == []


def test_an_equal_copy_names_who_survived_in_the_end(run_stage, image_rows):
    one = hashes(1)[0]
    near, exact = flipped(one, 6), "a" * 64
    for order in ([one, near, near], [near, one, near], [near, near, one]):
        batch = image_rows(3, phash=order, sha256=[exact if hashed == near else "b" * 64 for hashed in order])
        outputs = run_stage(DedupImages(NEAR), [batch])
        [kept] = outputs.kept
        assert {row["value"].split()[0] for row in outputs.rejected} == {kept["uid"]}


_TABLES = []


class _Remember(beam.DoFn):
    def process(self, element):
        _TABLES.append(element)


@pytest.fixture
def duplicates_of():
    def run(transform, batch):
        _TABLES.clear()
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            rows = pipeline | beam.Create([batch], reshuffle=False).with_output_types(pa.RecordBatch)
            _ = (rows | transform)[DUPLICATES] | beam.ParDo(_Remember())
        return {row["uid"]: row for table in _TABLES for row in table.to_pylist()}

    return run


def test_every_rejected_image_is_told_of_with_its_survivor_and_distance(duplicates_of, image_rows):
    one, other = hashes(2)
    batch = image_rows(
        5, phash=[one, one, flipped(one, 7), other, one], sha256=["a" * 64, "b" * 64, "c" * 64, "d" * 64, "a" * 64]
    )
    found = duplicates_of(DedupImages(NEAR), batch)
    survivor = min(uids(batch, 0, 1, 2, 4))
    assert set(found) == set(uids(batch, 0, 1, 2, 4)) - {survivor}
    assert {row["survivor"] for row in found.values()} == {survivor}
    assert {row["earlier_run"] for row in found.values()} == {False}
    distances = {uid: (row["kind"], row["distance"]) for uid, row in found.items()}
    if survivor != uids(batch, 2)[0]:
        assert distances[uids(batch, 2)[0]] == ("near_hash", 7)


@pytest.mark.parametrize("partitions", [1, 3, 16, 48, 50, 200])
def test_a_part_is_sent_all_that_it_compares_whatever_the_number_of_parts(partitions):
    draw = np.random.default_rng(0)
    hashes = draw.integers(0, 256, (60, 32), dtype=np.uint8)
    hashes = np.concatenate([hashes, hashes ^ (draw.random((60, 32)) < 0.05).astype(np.uint8)])
    made = np.zeros(240, IMAGE_HASHES)
    made["hash"] = np.concatenate([hashes, hashes]).view(np.uint64)
    made["low"] = np.concatenate([hashes[:, :16], hashes[::-1, :16]]).copy().view(np.uint64)
    made["crop"][120:] = 1
    made["uid"] = np.array([[0, number % 120] for number in range(240)], ">u8").view("V16").ravel()
    whole = nearest_of_pairs(near_image_links(made, radius=31))
    sent = partitions_of(made, partitions)
    found = [
        near_image_links(made[sent[:, part]], radius=31, partition=part, partitions=partitions)
        for part in range(partitions)
    ]
    assert np.array_equal(nearest_of_pairs(np.concatenate(found)), whole)
    assert len(whole) >= 60


def test_packed_hashes_are_what_they_were():
    made = np.zeros(5, IMAGE_HASHES)
    made["hash"], made["rank"] = np.arange(20).reshape(5, 4), 1
    made["colours"][3] = 7
    packed = pack_image_hashes(made)
    assert unpack_image_hashes(packed).tobytes() == made.tobytes()
    assert len(packed) < 5 * 60
    assert len(unpack_image_hashes(pack_image_hashes(made[:0]))) == 0
    assert (
        unpack_image_hashes(packed, b"", pack_image_hashes(made[2:])).tobytes() == made.tobytes() + made[2:].tobytes()
    )
    assert len(unpack_image_hashes()) == 0


def test_many_rows_are_compared_in_partitions_of_bounded_size():
    """A hash goes to one partition a band; each then holds about as many, however many there are."""
    for partitions in (3, 4, 40, 400):
        assert 16 * partitions * 500_000 / hash_partitions(partitions, crops=False) == 500_000


def test_where_no_crops_are_compared_no_part_is_sent_all_hashes():
    """Their low bits are zero then: the bucket of each crop band would hold all of them."""
    made = np.zeros(2_000, IMAGE_HASHES)
    made["hash"] = np.random.default_rng(0).integers(0, 2**63, (2_000, 4), dtype=np.uint64)
    sent = partitions_of(made, 160, crops=False)
    assert sent.sum(axis=1).tolist() == [16] * 2_000
    assert sent.sum(axis=0).max() < 300
