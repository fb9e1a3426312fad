"""An img2dataset folder in the place of downloading."""

from __future__ import annotations

import errno
import hashlib
import io
import tarfile

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.pipelines.job.run import run
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.img2dataset_folder.scan import ImportShards, plan_import
from babelsift.pipelines.stages.img2dataset_folder.tar import TarWalk
from babelsift.pipelines.staging.img2dataset.imported_rows import read_imported
from babelsift.schemas import InputError, Recipe
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import answer
from tests.support.img2dataset_folder import IMAGES, entries, failed, write_shard


def curate(tmp_path, staging, table=None, recipe=None):
    """(funnel, kept rows, {url: (reason, value)})"""
    inputs = []
    if table is not None:
        pq.write_table(pa.table(table), tmp_path / "pairs.parquet")
        inputs = [str(tmp_path / "pairs.parquet")]
    out = tmp_path / "out"
    funnel = run(recipe or plain_recipe(), inputs, str(out), staging=str(staging))
    kept = [row for file in sorted((out / "shards").glob("*.parquet")) for row in pq.read_table(file).to_pylist()]
    ledger = [row for file in sorted((out / "rejects").glob("*.parquet")) for row in pq.read_table(file).to_pylist()]
    return funnel, kept, {row["url"]: (row["reason"], row["value"]) for row in ledger}


def plain_recipe(**download):
    return Recipe(name="plain", download=DownloadSettings(**download))


def test_the_folder_is_the_input_where_none_is_given(tmp_path):
    staging = tmp_path / "theirs"
    more = [{"PUNSAFE": str(n)} for n in range(3)]
    some = entries(3)
    for entry, columns in zip(some, more, strict=True):
        entry.more = columns
    write_shard(staging, 0, some)
    others = [*entries(2, first=3), failed(1, "HTTP Error 404: Not Found"), failed(2, "image too small")]
    for entry in others:
        entry.more = {"PUNSAFE": None}
    write_shard(staging, 7, others)
    (staging / "00007_stats.json").unlink()
    before = {path.name: path.read_bytes() for path in staging.iterdir()}
    funnel, kept, ledger = curate(tmp_path, staging)
    assert (funnel.input_rows, funnel.kept_rows) == (7, 5)
    assert sorted(row["url"] for row in kept) == [f"http://e.com/{n}.jpg" for n in range(5)]
    assert {row["PUNSAFE"] for row in kept} == {"0", "1", "2", None}
    assert not any(name.startswith("input_") for name in kept[0])
    assert ledger == {
        "http://e.com/failed/1.jpg": ("http_status", "404"),
        "http://e.com/failed/2.jpg": ("image_too_small", "image too small"),
    }
    assert {path.name: path.read_bytes() for path in staging.iterdir()} == before
    with tarfile.open(next((tmp_path / "out/shards").glob("*.tar"))) as tar:
        images = {tar.extractfile(member).read() for member in tar if member.name.endswith(".jpg")}
    assert images == set(IMAGES[:5])
    report = (tmp_path / "out/report/index.html").read_text()
    assert f"{staging.name}</td>" in report
    assert str(staging) not in report, "which goes to others"
    assert "00007_stats.json is missing" in report


def test_the_input_is_matched_by_url_and_caption(tmp_path):
    staging = tmp_path / "theirs"
    write_shard(staging, 0, entries(3))
    urls = ["http://e.com/0.jpg", "http://e.com/1.jpg", "http://e.com/5.jpg"]
    captions = ["a dog with number 0 on a sofa", "another caption for it", "a dog with number 5 on a sofa"]
    funnel, kept, ledger = curate(tmp_path, staging, {"url": urls, "caption": captions, "rank": [1, 2, 3]})
    assert [(row["url"], row["rank"]) for row in kept] == [("http://e.com/0.jpg", 1)]
    assert ledger == dict.fromkeys(urls[1:], ("not_in_staging", None))
    assert funnel.input_rows == 3


def test_only_what_changed_is_looked_through_again(tmp_path):
    staging, folder = tmp_path / "theirs", RunFolder(str(tmp_path / "out"))
    index = tmp_path / "out/staging/adopted"

    def look():
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            _ = pipeline | ImportShards(folder, DownloadSettings(), plan_import(str(staging)))
        return {path.name: path.stat().st_mtime_ns for path in index.iterdir()}

    write_shard(staging, 0, entries(2))
    write_shard(staging, 1, entries(2, first=2))
    first = look()
    assert look() == first
    write_shard(staging, 1, entries(3, first=2))
    assert {name for name, time in look().items() if time != first[name]} == {"00001.parquet", "00001_stats.json"}
    assert len(read_imported(1, folder)) == 3


def test_our_own_staging_folder_can_be_given_too(tmp_path, hostile_web):
    hostile_web.on("/a.jpg", answer(IMAGES[0]))
    table = {"url": [hostile_web.url("/a.jpg"), hostile_web.url("/404")], "caption": ["a dog on a sofa", "a cat here"]}
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")
    recipe = plain_recipe(ports=None, allow_addresses=("127.0.0.0/8",))
    run(recipe, [str(tmp_path / "pairs.parquet")], str(tmp_path / "first"))
    _, kept, ledger = curate(tmp_path, tmp_path / "first/staging/images")
    assert [row["sha256"] for row in kept] == [hashlib.sha256(IMAGES[0]).hexdigest()]
    assert ledger == {hostile_web.url("/404"): ("http_status", "404")}
    assert set(hostile_web.requests.values()) == {1}


def test_folders_that_are_no_webdataset_output(tmp_path):
    with pytest.raises(InputError, match=r"no 00000\.tar; it is empty or not there"):
        plan_import(str(tmp_path / "nowhere"))
    (tmp_path / "00000.parquet").write_bytes(b"")
    with pytest.raises(InputError, match=r"holds 00000\.parquet .*output_format=webdataset"):
        plan_import(str(tmp_path))
    (tmp_path / "00000.tar").write_bytes(b"")
    (tmp_path / "000001.tar").write_bytes(b"")
    with pytest.raises(InputError, match=r"shards of \[5, 6\] digits"):
        plan_import(str(tmp_path))


def test_a_folder_that_cannot_be_read_is_not_taken_for_a_torn_one(tmp_path):
    write_shard(tmp_path, 0, entries(2))

    class Failing(io.FileIO):
        def read(self, size=-1):
            if self.tell() > 2000:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    with Failing(tmp_path / "00000.tar") as file, pytest.raises(OSError, match="Input/output error"):
        list(TarWalk(file, max_image_bytes=10**6).samples())


def test_no_captions_and_no_input(tmp_path):
    write_shard(tmp_path / "theirs", 0, entries(1), save_caption=False)
    with pytest.raises(InputError, match="has no captions; give the table that has them with --input"):
        curate(tmp_path, tmp_path / "theirs")


def test_nothing_to_read(tmp_path):
    with pytest.raises(InputError, match="nothing to read"):
        run(plain_recipe(), [], str(tmp_path))
