import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import TOMBSTONES, UNFINISHED_REMOVAL
from babelsift.pipelines.run_folder.tombstones import (
    DOMAIN,
    NO_TOMBSTONES,
    PIXELS,
    UID,
    URL,
    Tombstones,
    check_no_unfinished_removal,
    digests_of,
    earlier_tombstones,
    hash_of,
    read_tombstones,
    url_digests,
    write_tombstones,
)
from babelsift.schemas import RunFolderError

UIDS = [f"{number:032x}" for number in range(4)]


def of(kind, *values):
    return Tombstones({kind: frozenset(digests_of(kind, values))})


def test_a_file_that_is_gone_is_an_error_where_something_was_removed(tmp_path):
    folder = RunFolder(str(tmp_path))
    assert read_tombstones(folder) == NO_TOMBSTONES
    folder.write("removals/0001.json", b"{}")
    with pytest.raises(RunFolderError, match=r"tombstones\.parquet is gone; restore it"):
        read_tombstones(folder)


def test_a_pair_is_told_by_uid_url_in_any_spelling_and_domain():
    urls = ["HTTP://Example.com:80/a.jpg#top", "https://img.cdn.org/b.jpg", "https://notcdn.org/c.jpg", None]
    rows = pa.table({"uid": UIDS, "url": urls})
    assert of(UID, UIDS[3]).are_pairs(rows).tolist() == [False, False, False, True]
    assert Tombstones({URL: url_digests(["https://example.com/a.jpg"])}).are_pairs(rows).tolist() == [1, 0, 0, 0]
    assert of(DOMAIN, "cdn.org").are_pairs(rows).tolist() == [False, True, False, False]
    assert of(DOMAIN, "img.cdn.org").are_pairs(rows).tolist() == [False, True, False, False]
    assert of(DOMAIN, "www.img.cdn.org").are_pairs(rows).tolist() == [False] * 4
    assert NO_TOMBSTONES.are_pairs(rows).tolist() == [False] * 4
    assert of(UID, UIDS[0]).are_pairs(rows.slice(1)).tolist() == [False] * 3


def test_an_image_is_told_by_bytes_and_pixels():
    rows = pa.table({"pixels_digest": ["aa", None], "sha256": ["11", "22"]})
    assert of(PIXELS, "aa").are_images(rows).tolist() == [True, False]
    assert of("sha256", "22").are_images(rows).tolist() == [False, True]
    assert of(PIXELS, "aa").has_pixels("aa")
    assert not of(PIXELS, "aa").has_pixels(None)
    for kind in ("md5", "sha1", "sha256"):
        assert of(kind, hash_of(kind, b"image")).has_bytes(b"image")
        assert not of(kind, hash_of(kind, b"image")).has_bytes(b"other")


def test_what_is_written_is_read_and_holds_no_text(tmp_path):
    folder = RunFolder(str(tmp_path))
    assert read_tombstones(folder) == NO_TOMBSTONES
    tombstones = of(UID, *UIDS) | of(DOMAIN, "secret.example") | of(PIXELS, "aa")
    write_tombstones(folder, tombstones)
    assert read_tombstones(folder) == tombstones
    assert read_tombstones(folder).without(of(PIXELS, "aa")) == of(UID, *UIDS) | of(DOMAIN, "secret.example")
    content = (tmp_path / TOMBSTONES).read_bytes()
    assert b"secret" not in content
    write_tombstones(folder, read_tombstones(folder))
    assert (tmp_path / TOMBSTONES).read_bytes() == content
    assert earlier_tombstones([f"{tmp_path}/shards/*.parquet"]) == tombstones
    assert earlier_tombstones([f"{tmp_path}/shards"]) == tombstones
    assert earlier_tombstones([str(tmp_path / "a/b/c/d")]) == NO_TOMBSTONES
    assert earlier_tombstones([str(tmp_path), str(tmp_path / "no folder"), str(tmp_path / TOMBSTONES)]) == tombstones


def test_a_damaged_file_or_a_newer_one_stops_a_run(tmp_path):
    folder = RunFolder(str(tmp_path))
    write_tombstones(folder, of(UID, *UIDS))
    path = tmp_path / TOMBSTONES
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"babelsift_tombstones": "2"}), path)
    with pytest.raises(RunFolderError, match="update babelsift"):
        read_tombstones(folder)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(RunFolderError, match=r"is damaged .* restore it from a copy"):
        read_tombstones(folder)


def test_an_unfinished_removal_is_said_in_one_line(tmp_path):
    folder = RunFolder(str(tmp_path))
    check_no_unfinished_removal(folder)
    folder.write_json(UNFINISHED_REMOVAL, {})
    with pytest.raises(RunFolderError, match="a removal has not ended there; run `babelsift remove"):
        check_no_unfinished_removal(folder)
