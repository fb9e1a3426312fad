import numpy as np

from pipelines.dedup_images import DedupImages
from schemas.recipe import DedupImagesSettings

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
