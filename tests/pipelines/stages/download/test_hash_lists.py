"""What is on a hash list is neither stored nor downloaded again, whenever the list came to be named."""

from __future__ import annotations

import hashlib
import threading

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from babelsift.filters.image.hashing.pdq import pdq_hash
from babelsift.pipelines.removal.listed import take_out_listed
from babelsift.pipelines.removal.swap import mend_swap
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.download.partition import PartitionDownload
from babelsift.pipelines.stages.download.worker import acquire_worker, release_worker
from babelsift.pipelines.staging.hash_lists import read_hash_lists, with_listed
from babelsift.pipelines.staging.shards import StagingListing, read_staged_images, read_staged_rows, staged_shards
from babelsift.schemas import RecipeError
from babelsift.schemas.recipe import DownloadSettings, HashListSettings
from tests.support.hostile_web import LOOPBACK_ONLY, answer, encoded
from tests.support.pictures import picture

BODIES = {number: encoded(Image.fromarray(picture(number))) for number in range(6)}
SETTINGS = DownloadSettings(image_size=64, samples_per_staging_shard=4, **LOOPBACK_ONLY)


def near_pdq(number: int) -> str:
    """The PDQ hash of a picture, 20 bits off."""
    grey = cv2.imdecode(np.frombuffer(BODIES[number], np.uint8), cv2.IMREAD_GRAYSCALE)
    bits = np.unpackbits(np.frombuffer(pdq_hash(grey)[0], np.uint8))
    bits[3:203:10] ^= 1
    return np.packbits(bits).tobytes().hex()


@pytest.fixture
def rows(hostile_web) -> pa.RecordBatch:
    """A pair of each picture, and another one of the third's URL."""
    urls = [hostile_web.on(f"/{number}.jpg", answer(body)) for number, body in BODIES.items()]
    uids, captions = [f"{number:032x}" for number in range(7)], [f"secret {number}" for number in range(7)]
    return pa.RecordBatch.from_pydict({"uid": uids, "url": [*urls, urls[3]], "caption": captions})


@pytest.fixture
def listed(tmp_path):
    """listed(name=(text, options)) -> settings with lists of these files."""

    def settings(**lists) -> DownloadSettings:
        named = []
        for name, (text, options) in lists.items():
            path = tmp_path / f"{name}.txt"
            path.write_text(text)
            named.append(HashListSettings(name=name, files=(str(path),), **options))
        return SETTINGS.model_copy(update={"hash_lists": tuple(named)})

    return settings


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path / "out"))


def stage(folder, settings, rows, *, discard_unhashed=False):
    """Returns {uid: (reason, detail)} after what a run does, its images read back, and what was taken out."""
    lists = read_hash_lists(settings.hash_lists)
    taken = take_out_listed(folder, lists, discard_unhashed=discard_unhashed) if lists else None
    worker = acquire_worker(settings)
    try:
        stager = PartitionDownload(folder, settings, 1, worker, threading.Event())
        fates = {}
        for batch in stager.stage(0, rows, StagingListing(folder)):
            fates |= {row["uid"]: (row["reason"], row["detail"]) for row in batch.staged.to_pylist()}
            fates |= {
                uid: (row["reason"], row["detail"])
                for uid, row in zip(batch.rows.column("uid").to_pylist(), batch.staged.to_pylist(), strict=True)
            }
            images = batch.staged.filter(
                pa.array([status == "success" for status in batch.staged["status"].to_pylist()])
            )
            shards = pa.array([batch.shard] * len(images), pa.int32())
            assert all(read_staged_images(folder, images.append_column("staging_shard", shards)))
    finally:
        release_worker(settings)
    return fates, taken


def everything_in(folder) -> bytes:
    """What a folder's files hold, tables as text."""
    content = [folder.read(path) for path in folder.files_under("") if not path.endswith(".parquet")]
    tables = [
        pq.read_table(folder.path(path)).to_pylist() for path in folder.files_under("") if path.endswith(".parquet")
    ]
    return b"\n".join([*content, repr(tables).encode()])


def assert_gone(folder, number) -> None:
    content = everything_in(folder)
    for name in ("md5", "sha1", "sha256"):
        assert hashlib.new(name, BODIES[number]).hexdigest().encode() not in content
    assert f"secret {number}".encode() not in content
    assert f"/{number}.jpg".encode() not in content


ALL = {f"{number:032x}" for number in range(7)}


def test_what_is_on_a_list_is_not_stored(folder, rows, listed, hostile_web):
    md5 = hashlib.md5(BODIES[3]).hexdigest()
    settings = listed(known=(md5, {}), alike=(near_pdq(1), {"algorithm": "pdq"}))
    fates, _ = stage(folder, settings, rows)
    out = {uid: fate for uid, fate in fates.items() if fate[0] is not None}
    assert out == {
        f"{1:032x}": ("on_hash_list", "alike"),
        f"{3:032x}": ("on_hash_list", "known"),
        f"{6:032x}": ("on_hash_list", "known"),
    }
    assert_gone(folder, 1)
    assert_gone(folder, 3)
    hostile_web.requests.clear()
    assert stage(folder, settings, rows)[0] == fates
    assert not hostile_web.requests


def test_a_list_that_is_added_takes_images_out_without_a_request(folder, rows, listed, hostile_web):
    first = listed(other=("00" * 16, {}))
    before, _ = stage(folder, first, rows)
    assert set(before.values()) == {(None, None)}
    assert b"secret 2" in everything_in(folder)
    hostile_web.requests.clear()
    more = listed(
        other=("00" * 16, {}), new=(hashlib.sha1(BODIES[2]).hexdigest(), {}), near=(near_pdq(5), {"algorithm": "pdq"})
    )
    fates, taken = stage(folder, more, rows)
    assert (taken.listed, taken.unhashed, taken.discarded) == (2, 0, 0)
    assert {uid for uid, fate in fates.items() if fate[0]} == {f"{2:032x}", f"{5:032x}"}
    assert fates.keys() == ALL
    assert_gone(folder, 2)
    assert_gone(folder, 5)
    assert not hostile_web.requests
    assert stage(folder, more, rows)[1].listed == 0


def test_images_without_hashes_are_said_and_fetched_again_where_that_is_asked(
    folder, rows, listed, hostile_web, caplog
):
    stage(folder, SETTINGS, rows)
    md5 = listed(known=(hashlib.md5(BODIES[4]).hexdigest(), {}))
    fates, taken = stage(folder, md5, rows)
    assert taken.unhashed == 6
    assert "6 images were staged without the hashes (md5)" in caplog.text
    assert "--retry-failed unhashed" in caplog.text
    assert set(fates.values()) == {(None, None)}
    sha256 = listed(seen=(hashlib.sha256(BODIES[0]).hexdigest(), {"algorithm": "sha256"}))
    fates, taken = stage(folder, sha256, rows)  # that digest every image has
    assert (taken.unhashed, fates[f"{0:032x}"][0]) == (0, "on_hash_list")
    hostile_web.requests.clear()
    fates, taken = stage(folder, md5, rows, discard_unhashed=True)
    assert taken.discarded == 5
    assert sum(hostile_web.requests.values()) == 5
    assert {uid for uid, fate in fates.items() if fate[0]} == {f"{0:032x}", f"{4:032x}"}
    assert_gone(folder, 4)


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", {}, "known: the list is empty"),
        ("f8" * 32 + ",10\n", {"algorithm": "pdq"}, "no entry of 1 rows is to be compared"),
        (
            "d41d8cd98f00b204e9800998ecf8427e\nd41d8cd98f00b204e9800998ecf8427\n",
            {},
            "known.txt: row 2 has 31 hex digits",
        ),
    ],
)
def test_lists_that_cannot_be_used_are_one_line_without_their_content(listed, text, options, said):
    with pytest.raises(RecipeError) as raised:
        read_hash_lists(listed(known=(text, options)).hash_lists)
    assert said in str(raised.value)
    assert "d41d" not in str(raised.value)
    assert "f8f8" not in str(raised.value)


def test_a_list_that_is_no_text_or_not_there(listed, tmp_path):
    lists = listed(known=("x", {})).hash_lists
    (tmp_path / "known.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match=r"known\.txt: is not UTF-8"):
        read_hash_lists(lists)
    (tmp_path / "known.txt").unlink()
    with pytest.raises(RecipeError, match=r"known\.txt: cannot be read"):
        read_hash_lists(lists)


def test_a_changed_list_is_read_again(listed):
    first = read_hash_lists(listed(known=("00" * 16, {})).hash_lists)
    second = read_hash_lists(listed(known=("00" * 16 + "\n" + "11" * 16, {})).hash_lists)
    assert first.fingerprint != second.fingerprint


class KilledError(Exception):
    pass


class DyingFolder(RunFolder):
    """A run folder whose process dies when a staging shard's tar has its new version, and its table not yet."""

    def writing(self, path, *, read_back=False):
        if path == "staging/images/00000.parquet":
            raise KilledError
        return super().writing(path, read_back=read_back)


def test_killed_while_a_shard_is_written_anew_it_is_mended(folder, rows, listed, hostile_web):
    stage(folder, listed(other=("00" * 16, {})), rows)
    hostile_web.requests.clear()
    more = listed(other=("00" * 16, {}), new=(hashlib.sha1(BODIES[2]).hexdigest(), {}))
    lists = read_hash_lists(more.hash_lists)

    with pytest.raises(KilledError):
        take_out_listed(DyingFolder(folder.url), lists)
    mend_swap(folder)
    fates, taken = stage(folder, more, rows)
    assert taken.listed == 0
    assert {uid for uid, fate in fates.items() if fate[0]} == {f"{2:032x}"}
    assert_gone(folder, 2)
    assert not hostile_web.requests


def test_a_dry_run_leaves_out_what_a_list_has_and_changes_nothing(folder, rows, listed):
    stage(folder, listed(other=("00" * 16, {})), rows)
    before = everything_in(folder)
    lists = read_hash_lists(listed(known=(hashlib.md5(BODIES[2]).hexdigest(), {})).hash_lists)
    [shard] = [one for one in staged_shards(folder, 0, 1) if one.number == 0]
    staged = with_listed(read_staged_rows(folder, shard), lists)
    assert [row["detail"] for row in staged.to_pylist() if row["reason"] == "on_hash_list"] == ["known"]
    assert everything_in(folder) == before
