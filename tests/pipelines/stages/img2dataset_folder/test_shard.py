"""What is read out of shards that img2dataset wrote, whole or torn, and which pairs of the input that is."""

from __future__ import annotations

import contextlib
import hashlib
import tarfile
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.filters.hash_lists import NO_LISTS, HashList, HashLists
from babelsift.filters.image import measure_image
from babelsift.filters.uids import compute_uids
from babelsift.pipelines.decoding import ImageDecoders
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.img2dataset_folder.match_pairs import match
from babelsift.pipelines.stages.img2dataset_folder.shard import import_shard
from babelsift.pipelines.staging.img2dataset.imported_rows import IMPORTED_ROWS
from babelsift.pipelines.staging.img2dataset.status import reason_of
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import encoded, photo
from tests.support.img2dataset_folder import IMAGES, Entry, entries, failed, write_shard


def imported(folder, name="00000", lists=NO_LISTS, **settings):
    chosen = DownloadSettings(**settings)
    measure = partial(measure_image, max_source_pixels=chosen.max_source_pixels)
    with contextlib.closing(ImageDecoders(measure, timeout_s=chosen.decode_timeout_s)) as decoders:
        found = import_shard(RunFolder(str(folder)), name, chosen, decoders, lists)
    return found.rows.to_pylist(), list(found.problems)


def test_rows_say_where_images_lie_and_what_they_are(tmp_path):
    keys = write_shard(tmp_path, 0, entries(3))
    rows, problems = imported(tmp_path)
    assert problems == []
    tar = (tmp_path / "00000.tar").read_bytes()
    for n, row in enumerate(rows):
        assert (row["key"], row["status"], row["reason"]) == (keys[n], "success", None)
        assert tar[row["image_offset"] : row["image_offset"] + row["image_size"]] == IMAGES[n]
        assert (row["width"], row["height"], row["original_width"], row["original_height"]) == (160, 120, 320, 240)
        assert row["sha256"] == hashlib.sha256(IMAGES[n]).hexdigest()
        assert len(row["phash"]) == 32
        wanted = compute_uids(pa.array([f"http://e.com/{n}.jpg"]), pa.array([f"a dog with number {n} on a sofa"]))
        assert row["uid"] == wanted[0].as_py()


def test_the_hash_of_the_original_is_kept_where_there_is_one(tmp_path):
    entry = entries(1)[0]
    entry.original = b"as it was served"
    write_shard(tmp_path, 0, [entry])
    assert imported(tmp_path)[0][0]["sha256"] == hashlib.sha256(b"as it was served").hexdigest()


@pytest.mark.parametrize("compute_hash", ["md5", None])
def test_a_missing_sha256_is_that_of_the_stored_bytes(tmp_path, compute_hash):
    write_shard(tmp_path, 0, entries(1), compute_hash=compute_hash, extract_exif=False)
    assert imported(tmp_path)[0][0]["sha256"] == hashlib.sha256(IMAGES[0]).hexdigest()


@pytest.mark.parametrize(("encode_format", "pillow"), [("png", "PNG"), ("webp", "WEBP")])
@pytest.mark.parametrize(("samples", "digits"), [(1, 5), (50, 3), (10_000, 7)])
def test_any_format_and_any_keys(tmp_path, encode_format, pillow, samples, digits):
    entry = Entry("http://e.com/1", "c", encoded(photo(1), pillow))
    settings = {"encode_format": encode_format, "samples_per_shard": samples, "oom_shard_count": digits}
    write_shard(tmp_path, 0, [entry], **settings)
    [row] = imported(tmp_path, "0" * digits)[0]
    assert (row["status"], row["image_extension"]) == ("success", encode_format)


def test_without_a_table_the_json_members_serve(tmp_path):
    write_shard(tmp_path, 0, [*entries(2), failed(1, "HTTP Error 404: Not Found")])
    with_table = imported(tmp_path)[0]
    (tmp_path / "00000.parquet").unlink()
    rows, problems = imported(tmp_path)
    assert rows == with_table[:2]
    assert problems == ["00000_stats.json counts 3 rows, 2 were found; " + REDO]


REDO = "remove the shard's files and run img2dataset again for the others"


def test_a_table_that_is_cut_short(tmp_path):
    write_shard(tmp_path, 0, entries(2))
    table = tmp_path / "00000.parquet"
    table.write_bytes(table.read_bytes()[:-20])
    rows, problems = imported(tmp_path)
    assert [row["status"] for row in rows] == ["success", "success"]
    assert problems[0].startswith("00000.parquet cannot be read")


def test_a_row_that_the_table_lacks(tmp_path):
    keys = write_shard(tmp_path, 0, entries(3))
    table = pq.read_table(tmp_path / "00000.parquet")
    pq.write_table(table.slice(1), tmp_path / "00000.parquet")
    rows, problems = imported(tmp_path)
    assert [row["url"] for row in rows] == [f"http://e.com/{n}.jpg" for n in range(3)]
    assert problems == [f"00000.parquet has no row for {keys[0]}; its json member serves"]


def test_a_torn_tar_loses_what_is_beyond_the_tear(tmp_path):
    write_shard(tmp_path, 0, entries(4))
    tar = tmp_path / "00000.tar"
    with tarfile.open(tar) as opened:
        third = [member for member in opened if member.name.endswith(".jpg")][2]
    tar.write_bytes(tar.read_bytes()[: third.offset_data + 100])
    rows, problems = imported(tmp_path)
    assert [row["status"] for row in rows] == ["success", "success", "failed_to_download", "failed_to_download"]
    assert rows[3]["reason"] == "lost_in_staging"
    assert rows[3]["detail"] == problems[0]
    assert problems[0].startswith("00000.tar breaks off after 000000001.txt; what is whole is used")


def test_every_cut_of_a_tar_gives_every_row_one_fate(tmp_path):
    write_shard(tmp_path, 0, entries(2))
    whole = (tmp_path / "00000.tar").read_bytes()
    for cut in range(0, len(whole), 509):
        (tmp_path / "00000.tar").write_bytes(whole[:cut])
        rows, _ = imported(tmp_path)
        assert len(rows) == 2
        assert all((row["reason"] is None) == (row["status"] == "success") for row in rows)


@pytest.mark.parametrize("file", ["00000.tar", "00000.parquet"])
def test_whatever_bytes_are_changed_every_row_has_one_fate(tmp_path, file):
    write_shard(tmp_path, 0, entries(3))
    whole = (tmp_path / file).read_bytes()
    places = np.random.default_rng(0)
    headers = np.flatnonzero([whole[at : at + 4] == b"0000" for at in range(0, len(whole), 512)]) * 512
    for _ in range(60):
        changed = bytearray(whole)
        for at in places.integers(0, len(whole), 8):
            changed[at] = places.integers(0, 256)
        if len(headers) and file.endswith(".tar"):
            # a size field of eight bits a byte, negative among them
            at = int(places.choice(headers)) + 124
            changed[at : at + 12] = places.integers(0, 256, 12, dtype=np.uint8).tobytes()
        (tmp_path / file).write_bytes(changed)
        rows, _ = imported(tmp_path)
        assert all((row["reason"] is None) == (row["status"] == "success") for row in rows)
        assert len(rows) == 3 or file.endswith(".tar") or len({row["key"] for row in rows}) == len(rows)


def test_a_tar_that_is_gone(tmp_path):
    write_shard(tmp_path, 0, entries(2))
    (tmp_path / "00000.tar").unlink()
    rows, problems = imported(tmp_path)
    assert {row["reason"] for row in rows} == {"lost_in_staging"}
    assert problems[0].startswith("00000.tar is gone; put it back")


def test_a_shard_that_was_not_finished(tmp_path):
    write_shard(tmp_path, 0, entries(1))
    (tmp_path / "00000_stats.json").unlink()
    assert imported(tmp_path)[1] == [
        "00000_stats.json is missing: the shard was not finished; what is whole of it is used"
    ]


@pytest.mark.parametrize(
    ("image", "reason", "detail"),
    [
        (b"<html>", "not_an_image", "html"),
        (IMAGES[0][:900], "image_undecodable", "jpg with 88% of its rows missing or damaged"),
        (encoded(photo(1), "PNG"), "image_format_not_allowed", "png named .jpg"),
        (encoded(photo(1, (400, 300))), "too_many_pixels", "400x300 px"),
    ],
)
def test_stored_files_that_are_no_images(tmp_path, image, reason, detail):
    write_shard(tmp_path, 0, [Entry("http://e.com/1", "c", image)])
    [row] = imported(tmp_path, max_source_pixels=100_000)[0]
    assert (row["status"], row["reason"], row["detail"]) == ("failed_to_resize", reason, detail)


@pytest.mark.parametrize(
    ("status", "error", "reason", "value"),
    [
        ("failed_to_download", "HTTP Error 404: Not Found", "http_status", "404"),
        ("failed_to_download", "HTTP Error 403: SSL required", "http_status", "403"),
        ("failed_to_download", "<urlopen error timed out>", "timeout", None),
        ("failed_to_download", "The read operation timed out", "timeout", None),
        ("failed_to_download", "<urlopen error [Errno -2] Name or service not known>", "dns_failure", None),
        ("failed_to_download", "<urlopen error [Errno -3] Temporary failure in name resolution>", "dns_failure", None),
        ("failed_to_download", "<urlopen error [Errno 111] Connection refused>", "connection_failure", None),
        ("failed_to_download", "[Errno 104] Connection reset by peer", "connection_failure", None),
        ("failed_to_download", "Remote end closed connection without response", "connection_failure", None),
        ("failed_to_download", "<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] x (_ssl.c:1007)>", "tls_failure", None),
        ("failed_to_download", "IncompleteRead(10 bytes read, 20 more expected)", "truncated_body", None),
        ("failed_to_download", "unknown url type: 'foo'", "url_invalid", None),
        ("failed_to_download", "URL can't contain control characters. '/a b'", "url_invalid", None),
        (
            "failed_to_download",
            "HTTP Error 302: The HTTP server returned a redirect error that would lead to an infinite loop.\nThe last 30x error message was:\nFound",
            "too_many_redirects",
            None,
        ),
        ("failed_to_download", "Use of image disallowed by X-Robots-Tag directive", "opted_out", None),
        ("failed_to_download", "hash mismatch", "hash_mismatch", None),
        ("failed_to_download", "got more than 65536 bytes when reading header line", "protocol_error", None),
        ("failed_to_resize", "image too small", "image_too_small", None),
        ("failed_to_resize", "image area too large", "image_area_too_large", None),
        ("failed_to_resize", "aspect ratio too large", "aspect_ratio_too_large", None),
        ("failed_to_resize", "Image decoding error", "image_undecodable", None),
        ("failed_to_resize", "OpenCV(4.14) timed out", "image_undecodable", None),
        (None, None, "protocol_error", "no status"),
    ],
)
def test_error_texts_become_reasons(status, error, reason, value):
    found, detail = reason_of(status, error)
    assert found.value == reason
    assert detail == (value or " ".join(error.split())[:160] if error and len(error) <= 160 else value or detail)


def test_json_members_may_hold_anything(tmp_path):
    write_shard(tmp_path, 0, entries(3), parquet=False)
    whole = (tmp_path / "00000.tar").read_bytes()
    for old, new in ((b'"url"', b'"ulr"'), (b'"http://e.com/1.jpg"', b"1e999               "), (b"{", b"[")):
        assert len(old) == len(new)
        (tmp_path / "00000.tar").write_bytes(whole.replace(old, new))
        rows, _ = imported(tmp_path)
        assert len(rows) == 3
        assert all(isinstance(row["url"], str) or row["url"] is None for row in rows)


def matched(tmp_path, language_rows, table, **settings):
    """({caption: shard and key}, {caption: (reason, value, threshold)}) of pairs, by a folder of two shards."""
    batches = []
    for shard in (0, 1):
        rows = pa.RecordBatch.from_pylist(imported(tmp_path, f"{shard:05d}")[0], schema=IMPORTED_ROWS)
        numbers = pa.array([shard] * len(rows), pa.int32())
        batches.append(rows.set_column(len(IMPORTED_ROWS) - 1, IMPORTED_ROWS.field("staging_shard"), numbers))
    pairs = language_rows(len(table["url"]), **table)
    kept, rejected = match(pairs, pa.concat_batches(batches), DownloadSettings(**settings))
    places = {row["caption"]: (row["staging_shard"], row["key"]) for row in kept.to_pylist()}
    return places, {row["caption"]: (row["reason"], row["value"], row["threshold"]) for row in rejected.to_pylist()}


def test_without_captions_there_the_input_is_matched_by_url(tmp_path, language_rows):
    for shard in (0, 1):
        write_shard(tmp_path, shard, entries(2, first=2 * shard), save_caption=False)
    table = {"url": ["http://e.com/3.jpg"] * 2 + ["http://e.com/9.jpg"], "caption": ["one", "other", "third"]}
    assert matched(tmp_path, language_rows, table) == (
        {"one": (1, "000010001"), "other": (1, "000010001")},
        {"third": ("not_in_staging", None, None)},
    )


def test_a_success_counts_before_a_failure_of_the_same_pair_and_the_first_before_others(tmp_path, language_rows):
    first, second = entries(2)
    write_shard(tmp_path, 0, [Entry(first.url, first.caption, error="timed out"), second])
    write_shard(tmp_path, 1, [first, second])
    table = {"url": [first.url, second.url], "caption": [first.caption, second.caption]}
    found, _ = matched(tmp_path, language_rows, table)
    assert found == {first.caption: (1, "000010000"), second.caption: (0, "000000001")}


def test_of_failures_the_last_counts_as_a_retry_adds_them(tmp_path, language_rows):
    [entry] = entries(1)
    for shard, error in enumerate(("timed out", "HTTP Error 404: Not Found")):
        write_shard(tmp_path, shard, [Entry(entry.url, entry.caption, error=error)])
    _, rejected = matched(tmp_path, language_rows, {"url": [entry.url], "caption": [entry.caption]})
    assert rejected == {entry.caption: ("http_status", "404", None)}


def test_a_caption_that_was_edited_is_found_as_it_was_listed(tmp_path, language_rows):
    [entry] = entries(1)
    for shard in (0, 1):
        write_shard(tmp_path, shard, entries(1))
    before = compute_uids(pa.array([entry.url]), pa.array([f"{entry.caption}!"])).to_pylist()
    table = {"url": [entry.url], "caption": [entry.caption], "uid": before, "caption_changes": ["mask"]}
    found, rejected = matched(tmp_path, language_rows, table)
    assert (found, rejected) == ({entry.caption: (0, "000000000")}, {})


@pytest.mark.parametrize(
    ("setting", "limit", "fate"),
    [
        ("min_image_size", 241, ("image_too_small", "320x240 px", "241")),
        ("min_image_size", 240, None),
        ("max_image_area", 76_799.0, ("image_area_too_large", "320x240 px", "76799")),
        ("max_aspect_ratio", 1.3, ("aspect_ratio_too_large", "320x240 px", "1.3")),
    ],
)
def test_limits_are_asked_of_what_was_served(tmp_path, language_rows, setting, limit, fate):
    [entry] = entries(1)
    write_shard(tmp_path, 0, [entry])
    write_shard(tmp_path, 1, entries(1, first=1))
    table = {"url": [entry.url], "caption": [entry.caption]}
    _, rejected = matched(tmp_path, language_rows, table, **{setting: limit})
    assert rejected.get(entry.caption) == fate


@pytest.mark.parametrize("of", ["original", "stored"])
def test_an_image_on_a_hash_list_is_known_by_the_file_that_was_served_and_by_the_one_there(tmp_path, of):
    listed, other = entries(2)
    listed.original = b"as it was served"
    write_shard(tmp_path, 0, [listed, other])
    digest = hashlib.sha256(listed.original if of == "original" else IMAGES[0]).digest()
    rows, _ = imported(tmp_path, lists=HashLists((HashList("known", {"sha256": digest}),)))
    assert [(row["reason"], row["detail"], row["sha256"] is None) for row in rows] == [
        ("on_hash_list", "known", True),
        (None, None, False),
    ]
