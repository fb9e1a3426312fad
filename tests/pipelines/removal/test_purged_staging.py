import contextlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.filters.clip import result_schema
from babelsift.filters.uids import digests
from babelsift.pipelines.removal.derived import purge_scores, purge_values
from babelsift.pipelines.removal.staged import purge_staging
from babelsift.pipelines.removal.swap import finish_swap, swapping
from babelsift.pipelines.removal.tars import copy_samples
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import IMG2DATASET_IMAGES
from babelsift.pipelines.run_folder.tombstones import UID, URL, VALUE, Tombstones, digests_of, url_digests
from babelsift.pipelines.stages.shard.shard_writer import MEMBERS
from babelsift.pipelines.staging.columns.column_store import ColumnStore, Place
from babelsift.pipelines.staging.img2dataset.listed_urls import LIST_SCHEMA, URLS, unfinished_shards
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import Recipe
from babelsift.schemas.recipe import Column
from tests.support.hostile_web import encoded, photo
from tests.support.img2dataset_folder import Entry, write_shard
from tests.support.left_in_folder import where

UIDS = [f"a{number:031x}" for number in range(3)]


@pytest.fixture
def folder(tmp_path):
    return RunFolder(str(tmp_path))


def test_scores_and_embeddings_lose_the_rows_and_stay_beside_each_other(folder):
    store = ScoreStore(folder, "tiny", "0123abcd" * 8)
    rows = [{"uid": uid, "sha256": f"{at:064x}", "image_size": 100 + at} for at, uid in enumerate(UIDS)]
    vectors = [np.array([at, 1], np.float16) for at in range(3)]
    results = [
        {"similarity": 0.25 * at, "error": None, "image_embedding": vectors[at], "text_embedding": vectors[at]}
        for at in range(3)
    ]
    store.add(12, pa.RecordBatch.from_pylist(rows), pa.RecordBatch.from_pylist(results, schema=result_schema(2)))
    store.head_scores(12, "taste-01234567", lambda vectors: vectors[:, 0])
    removed = Tombstones(
        {UID: frozenset(digests_of(UID, [UIDS[0]])), "sha256": frozenset(digests_of("sha256", [f"{2:064x}"]))}
    )
    assert purge_scores(folder, removed) == 2
    assert store.scores(12) == {(UIDS[1], f"{1:064x}", 101): (0.25, None)}
    [(chunk, table)] = store.chunks(12)
    assert store.embeddings("img_emb", 12, chunk, table).tolist() == [[1, 1]]
    assert store.stored_head_scores(12, 0, "taste-01234567", 1).tolist() == [1]
    assert where(Path(folder.path("")), UIDS[0]) == []
    assert purge_scores(folder, removed) == 0


@pytest.mark.parametrize(("of", "left"), [("caption", [2]), ("row", [])])
def test_values_are_found_by_digest_and_those_of_whole_rows_all_go(folder, of, left):
    store = ColumnStore(folder, "tone", "0123abcd" * 8, (pa.field("", pa.int64()),))
    keys = digests(pa.array(["one", "two"])).tobytes()
    stored = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), 2, [None, pa.py_buffer(keys)])
    made = pa.RecordBatch.from_arrays([pa.array([1, 2]), pa.nulls(2, pa.string())], names=["", "error"])
    store.add(Place(0, 4), 0, stored, made)
    recipe = Recipe(name="toned", columns=(Column(name="tone", of=of, by="call", call="tests.support:none"),))
    purge_values(folder, Tombstones({VALUE: frozenset([keys[:16]])}), recipe)
    assert store.read(Place(0, 4)).table.column("value").to_pylist() == left


def test_what_img2dataset_downloaded_goes_from_tar_table_and_list_and_the_list_keeps_its_length(folder, tmp_path):
    urls = [f"http://site.example/{number}.jpg" for number in range(1, 4)]
    images = [encoded(photo(number, (48, 40))) for number in range(1, 4)]
    entries = [Entry(url, f"caption {at}", images[at]) for at, url in enumerate(urls)]
    write_shard(tmp_path / IMG2DATASET_IMAGES, 0, entries)
    (tmp_path / URLS).mkdir()
    pq.write_table(pa.table([urls, urls], schema=LIST_SCHEMA), tmp_path / URLS / "00000-00000.parquet")
    removed = Tombstones({URL: url_digests(urls[1:2])})
    assert where(tmp_path, urls[1], images[1])
    assert purge_staging(folder, removed) == 1
    assert where(tmp_path, urls[1], images[1]) == []
    assert len(pq.read_table(tmp_path / URLS / "00000-00000.parquet")) == 3
    assert unfinished_shards(folder, 10) == (0, 1)
    stats = json.loads((tmp_path / IMG2DATASET_IMAGES / "00000_stats.json").read_text())
    assert (stats["count"], stats["successes"]) == (2, 2)
    with tarfile.open(tmp_path / IMG2DATASET_IMAGES / "00000.tar") as tar:
        assert [tar.extractfile(name).read() for name in tar.getnames() if name.endswith("jpg")] == [
            images[0],
            images[2],
        ]


def test_a_text_goes_from_a_sample_that_keeps_another(tmp_path):
    source = io.BytesIO()
    with tarfile.open(fileobj=source, mode="w") as tar:
        for name, content in {"1.jpg": b"image", "1.txt": b"gone", "2.jpg": b"other", "2.txt": b"stays"}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    folder = RunFolder(str(tmp_path))
    source.seek(0)
    with folder.writing("a.tar") as file:
        copy_samples(source, file, {"2"}, changed={"1.txt": b"what is left"}, members=MEMBERS)
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert {name: tar.extractfile(name).read() for name in tar.getnames()} == {
            "1.jpg": b"image",
            "1.txt": b"what is left",
        }


def test_a_swap_that_was_cut_off_is_ended_or_never_was(folder, tmp_path):
    folder.write("a", b"old")
    folder.write("b", b"old")
    with contextlib.suppress(KeyboardInterrupt), swapping(folder) as swap:
        swap.write_bytes("a", b"new")
        raise KeyboardInterrupt
    finish_swap(folder)
    assert folder.read("a") == b"old"
    for path in ("a", "b"):  # as where a process died once the list was written
        folder.write(f"removals/swap/{path}", b"new")
    folder.write_json("removals/swap/files.json", ["a", "b"])
    finish_swap(folder)
    assert (folder.read("a"), folder.read("b"), folder.files_under("removals")) == (b"new", b"new", [])
