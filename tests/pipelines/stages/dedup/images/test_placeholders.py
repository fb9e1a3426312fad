import numpy as np
import pyarrow as pa
import pytest

from babelsift.pipelines.stages.dedup.images import DedupImages
from babelsift.schemas.recipe import DedupImagesSettings

PIXELS = DedupImagesSettings(exact=False)


def hashes(count, seed=0):
    return [row.tobytes() for row in np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)]


def flipped(hashed, bits):
    changed = np.unpackbits(np.frombuffer(hashed, dtype=np.uint8))
    changed[:bits] ^= 1
    return np.packbits(changed).tobytes()


def fates(outputs, batch):
    """{row of the batch: (reason, value)}"""
    uids = batch.column("uid").to_pylist()
    gone = {row["uid"]: (row["reason"], row["value"]) for row in outputs.rejected}
    assert sorted([*gone, *(row["uid"] for row in outputs.kept)]) == sorted(uids)
    return {row: gone[uid] for row, uid in enumerate(uids) if uid in gone}


@pytest.mark.parametrize("partitions", [1, 3])
def test_an_image_with_too_many_captions_goes_with_all_of_them_and_with_its_copies(run_stage, image_rows, partitions):
    placeholder, other = hashes(2)
    phash = [placeholder] * 4 + [flipped(placeholder, 6), other]
    digests = ["a" * 64] * 4 + ["b" * 64, "c" * 64]
    batch = image_rows(6, phash=phash, pixels_digest=digests, sha256=digests)
    stage = DedupImages(PIXELS, partitions, max_captions=3)
    outputs = run_stage(stage, [batch.slice(0, 2), batch.slice(2)])
    found = fates(outputs, batch)
    assert set(found) == {0, 1, 2, 3, 4}
    assert {reason for reason, _ in found.values()} == {"pixels_with_too_many_captions"}
    assert {found[row][1] for row in range(4)} == {"more than 3"}
    assert found[4][1].endswith(" at 6 bits")
    assert fates(run_stage(DedupImages(PIXELS, max_captions=4), [batch]), batch) == {}


def test_the_texts_of_one_source_row_count_once(run_stage, image_rows):
    columns = {"phash": hashes(1) * 6, "pixels_digest": ["a" * 64] * 6, "key": ["one"] * 6}
    fifty_languages = image_rows(6, source_row=[7] * 6, **columns)
    fifty_pages = image_rows(6, **columns)
    stage = DedupImages(PIXELS, max_captions=2)
    assert fates(run_stage(stage, [fifty_languages]), fifty_languages) == {}
    assert len(fates(run_stage(DedupImages(PIXELS, max_captions=2), [fifty_pages]), fifty_pages)) == 6


def test_the_texts_of_one_page_count_once(run_stage, image_rows):
    columns = {"phash": hashes(1) * 6, "pixels_digest": ["a" * 64] * 6, "key": ["one"] * 6}
    rows = image_rows(6, **columns)
    for pages, gone in ((["http://p/"] * 6, 0), (["http://p/", "http://q/"] * 3, 0), ([f"http://p/{n}" for n in range(6)], 6), ([None] * 6, 6)):  # fmt: skip
        batch = rows.append_column("page_url", pa.array(pages, pa.string()))
        assert len(fates(run_stage(DedupImages(PIXELS, max_captions=2), [batch]), batch)) == gone
    numbers = rows.append_column("page_url", pa.array([1] * 6))
    assert len(fates(run_stage(DedupImages(PIXELS, max_captions=2), [numbers]), numbers)) == 6


def test_one_page_on_which_many_hosts_serve_the_image_is_many_sources(run_stage, image_rows):
    columns = {"phash": hashes(1) * 6, "pixels_digest": ["a" * 64] * 6, "page_url": ["http://p/"] * 6}
    hosts = (["img.{}.com"], 6), (["{}.shop.co.uk"], 0), (["img.{}.com", "cdn.same.com"], 6), (["img.1.com"], 0)
    for patterns, gone in hosts:
        urls = [f"http://{patterns[row % len(patterns)].format(row)}/{row}.jpg" for row in range(6)]
        batch = image_rows(6, url=urls, **columns)
        assert len(fates(run_stage(DedupImages(PIXELS, max_captions=3), [batch]), batch)) == gone, patterns


def test_a_page_that_is_blank_is_not_known(run_stage, image_rows):
    batch = image_rows(6, phash=hashes(1) * 6, pixels_digest=["a" * 64] * 6, page_url=["", " "] * 3)
    assert len(fates(run_stage(DedupImages(PIXELS, max_captions=3), [batch]), batch)) == 6


def test_near_copies_of_a_placeholder_go_however_few_texts_they_have(run_stage, image_rows):
    placeholder, other = hashes(2)
    phash = [placeholder] * 4 + [flipped(placeholder, 5), flipped(placeholder, 18), flipped(placeholder, 40), other]
    digests = ["a" * 64] * 4 + ["b" * 64, "c" * 64, "d" * 64, "e" * 64]
    batch = image_rows(8, phash=phash, pixels_digest=digests, sha256=digests)
    found = fates(run_stage(DedupImages(PIXELS, max_captions=3), [batch]), batch)
    assert set(found) == {0, 1, 2, 3, 4, 5}
    assert [found[row][1].rpartition(" at ")[2] for row in (4, 5)] == ["5 bits", "18 bits"]


def test_equal_captions_count_once(run_stage, image_rows):
    batch = image_rows(5, phash=hashes(1) * 5, pixels_digest=["a" * 64] * 5, caption=["same"] * 5)
    assert fates(run_stage(DedupImages(PIXELS, max_captions=1), [batch]), batch) == {}


def test_duplicates_are_found_among_what_is_left(run_stage, image_rows):
    placeholder, photo, third = hashes(3)
    batch = image_rows(
        6,
        phash=[placeholder] * 3 + [photo] * 2 + [third],
        sha256=["a" * 64] * 3 + ["b" * 64] * 2 + ["c" * 64],
    )
    outputs = run_stage(DedupImages(DedupImagesSettings(), max_captions=2), [batch])
    reasons = sorted(reason for reason, _ in fates(outputs, batch).values())
    assert reasons == ["duplicate_image"] + ["pixels_with_too_many_captions"] * 3


def test_pairs_of_one_image_are_no_duplicates_of_each_other(run_stage, image_rows):
    batch = image_rows(4, key=["one", "one", "two", "two"], sha256=["a" * 64] * 4, phash=hashes(1) * 4)
    outputs = run_stage(DedupImages(DedupImagesSettings(near_radius_bits=10)), [batch])
    found = fates(outputs, batch)
    lowest = int(np.argmin(batch.column("uid").to_pylist()))
    assert set(found) == ({2, 3} if lowest < 2 else {0, 1})
    assert {value for _, value in found.values()} == {batch.column("uid")[lowest].as_py()}
