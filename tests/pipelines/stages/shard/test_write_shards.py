import datetime
import hashlib
import json
import random
import tarfile

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.pipelines.stages.shard.shard_writer import windows
from babelsift.pipelines.stages.shard.write_shards import WriteShards
from babelsift.schemas.recipe import ShardSettings


def write(folder, batches, samples_per_shard, seed=0, options=(), stores=(), validation_fraction=None, **runner):
    settings = ShardSettings(samples_per_shard=samples_per_shard, validation_fraction=validation_fraction)
    with beam.Pipeline(runner=FnApiRunner(**runner), options=PipelineOptions(list(options))) as pipeline:
        rows = pipeline | beam.Create(list(batches), reshuffle=False).with_output_types(pa.RecordBatch)
        _ = rows | WriteShards(folder, settings, seed, tuple(stores))


def contents(folder):
    return {name: folder.open("shards", name).read() for name in folder.list("shards")}


def test_shards_hold_exactly_what_was_asked_for_and_read_back_with_webdataset(staged):
    folder, batch = staged(107)
    write(folder, [batch.slice(0, 50), batch.slice(50)], samples_per_shard=25)
    tars = folder.list("shards", ".tar")
    assert tars == [f"{shard:08d}.tar" for shard in range(5)]
    counts, seen, keys = [], set(), set()
    for tar in tars:
        samples = list(webdataset.WebDataset(folder.path("shards", tar), shardshuffle=False))
        counts.append(len(samples))
        for sample in samples:
            row = json.loads(sample["json"])
            assert sample["jpg"] == f"image {row['rank']}".encode()
            assert sample["txt"].decode() == row["caption"]
            keys.add(sample["__key__"])
            seen.add(row["rank"])
    assert counts == [25, 25, 25, 25, 7]
    assert seen == set(range(107))
    assert len(keys) == 107


def test_the_same_bytes_whatever_the_order_the_batches_the_retries_and_the_staging(staged):
    folder, batch = staged(60)
    write(folder, [batch], samples_per_shard=16)
    expected = contents(folder)
    other, moved = staged(60, scatter=3)
    pieces = [moved.slice(start, 7) for start in range(0, 60, 7)]
    random.Random(0).shuffle(pieces)
    write(other, pieces, samples_per_shard=16, bundle_repeat=1)
    assert contents(other) == expected


def test_the_seed_decides_the_order_and_it_is_shuffled(staged):
    folder, batch = staged(60)
    orders = []
    for seed in (0, 1):
        write(folder, [batch], samples_per_shard=60, seed=seed)
        orders.append(pq.read_table(folder.path("shards", "00000000.parquet")).column("rank").to_pylist())
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(60))
    assert orders[0] != orders[1]
    assert orders[0] != list(range(60))


def test_members_have_constant_headers_and_chosen_names(staged):
    folder, batch = staged(3)
    write(folder, [batch], samples_per_shard=10)
    with tarfile.open(folder.path("shards", "00000000.tar")) as tar:
        members = tar.getmembers()
    assert {(member.uid, member.gid, member.mtime, member.mode, member.uname) for member in members} == {
        (0, 0, 0, 0o644, "")
    }
    assert [member.name for member in members[:3]] == ["000000000.jpg", "000000000.txt", "000000000.json"]


def test_stats_say_what_is_there_and_an_unchanged_shard_is_left_alone(staged):
    folder, batch = staged(20)
    write(folder, [batch], samples_per_shard=10)
    stats = folder.read_json("shards", "00000001_stats.json")
    tar = folder.open("shards", "00000001.tar").read()
    assert (stats["samples"], stats["bytes"], stats["sha256"]) == (10, len(tar), hashlib.sha256(tar).hexdigest())
    assert stats["languages"] == {"en": 10}
    before = folder.fs.modified(folder.path("shards", "00000001.tar"))
    write(folder, [batch], samples_per_shard=10)
    assert folder.fs.modified(folder.path("shards", "00000001.tar")) == before


def test_a_shard_that_was_damaged_is_written_again(staged):
    folder, batch = staged(20)
    write(folder, [batch], samples_per_shard=10)
    expected = contents(folder)
    folder.write("shards/00000000.tar", b"damaged")
    folder.remove("shards/00000001.parquet")
    write(folder, [batch], samples_per_shard=10)
    assert contents(folder) == expected


def test_where_staging_lies_never_reaches_the_product(staged):
    folder, batch = staged(3)
    write(folder, [batch], samples_per_shard=10)
    names = pq.read_schema(folder.path("shards", "00000000.parquet")).names
    assert not {"staging_shard", "image_offset", "image_size"} & set(names)
    assert {"key", "uid", "url", "caption", "language", "similarity_m", "rank", "source_file", "source_row"} <= set(
        names
    )


def test_carried_values_that_json_cannot_say_are_said_as_json_can(staged):
    folder, batch = staged(2)
    for name, values in {
        "punsafe": [float("nan"), 0.5],
        "when": [datetime.date(2020, 1, 2), None],
        "digest": [b"\x00\xff", None],
        "boxes": [[1.0, float("inf")], None],
    }.items():
        batch = batch.append_column(name, pa.array(values))
    write(folder, [batch], samples_per_shard=10)
    found = {}
    for sample in webdataset.WebDataset(folder.path("shards", "00000000.tar"), shardshuffle=False):
        row = json.loads(sample["json"], parse_constant=pytest.fail)
        found[row["rank"]] = {name: row[name] for name in ("punsafe", "when", "digest", "boxes")}
    assert found == {
        0: {"punsafe": None, "when": "2020-01-02", "digest": "00ff", "boxes": [1.0, None]},
        1: {"punsafe": 0.5, "when": None, "digest": None, "boxes": None},
    }


def test_windows_bound_what_is_in_memory_at_once():
    mebibyte = 2**20
    assert list(windows([])) == []
    assert list(windows([30 * mebibyte] * 5)) == [(0, 2), (2, 4), (4, 5)]
    assert list(windows([100 * mebibyte, 1, 100 * mebibyte])) == [(0, 1), (1, 2), (2, 3)]
    assert list(windows([1] * 25_000)) == [(0, 10_000), (10_000, 20_000), (20_000, 25_000)]


def test_two_workers_give_the_bytes_of_one(staged):  # as processes of their own: benchmarks/survive.py
    folder, batch = staged(60)
    write(folder, [batch], samples_per_shard=16)
    other, again = staged(60, scatter=3)
    two = ["--direct_num_workers", "2", "--direct_running_mode", "multi_threading"]
    write(other, [again.slice(start, 7) for start in range(0, 60, 7)], samples_per_shard=16, options=two)
    assert contents(other) == contents(folder)


def uids_and_keys(folder, split):
    rows = [pq.read_table(folder.path(split, name), columns=["uid", "key"]) for name in folder.list(split, ".parquet")]
    return set(zip(*pa.concat_tables(rows).to_pydict().values(), strict=True))


def test_validation_has_shards_of_its_own_by_the_uid_alone(staged):
    folder, batch = staged(200)
    write(folder, [batch], samples_per_shard=40, validation_fraction=0.2)
    train, validation = uids_and_keys(folder, "shards"), uids_and_keys(folder, "validation")
    assert len({key for _, key in train | validation}) == 200
    assert {uid for uid, _ in train} | {uid for uid, _ in validation} == set(batch.column("uid").to_pylist())
    assert 20 <= len(validation) <= 60
    counts = [pq.read_metadata(folder.path("shards", name)).num_rows for name in folder.list("shards", ".parquet")]
    assert set(counts[:-1]) == {40}
    fewer, rows = staged(100, scatter=1)
    write(fewer, [rows], samples_per_shard=40, seed=9, validation_fraction=0.2)  # other rows, another seed
    held_out = {uid for uid, _ in validation} & set(rows.column("uid").to_pylist())
    assert {uid for uid, _ in uids_and_keys(fewer, "validation")} == held_out
    sample = next(iter(webdataset.WebDataset(folder.path("validation", "00000000.tar"), shardshuffle=False)))
    assert sample["__key__"] == "v0000000000"


def test_embeddings_are_aligned_with_the_shards(embedded):
    folder, batch, store, vectors = embedded(20)
    write(folder, [batch], samples_per_shard=8, stores=[store], validation_fraction=0.3)
    seen = 0
    for split, place in (("shards", "embeddings/tiny"), ("validation", "embeddings-validation/tiny")):
        for name in folder.list(split, ".parquet"):
            number = name.removesuffix(".parquet")
            wanted = [vectors[uid] for uid in pq.read_table(folder.path(split, name)).column("uid").to_pylist()]
            image, text = (
                np.load(folder.path(place, kind, f"{kind}_{number}.npy")) for kind in ("img_emb", "text_emb")
            )
            assert image.dtype == text.dtype == np.float16
            assert (image == np.array(wanted)[:, None]).all()
            assert (text == np.array(wanted)[:, None] + 0.5).all()
            metadata = pq.read_table(folder.path(place, "metadata", f"metadata_{number}.parquet"))
            assert metadata.equals(pq.read_table(folder.path(split, name)))
            seen += len(wanted)
    assert seen == 20


def test_a_damaged_embedding_is_named_and_its_part_alone_is_scored_again(embedded):
    folder, batch, store, _ = embedded(20)
    path = store.embeddings_path("text_emb", 0, 1)
    content = bytearray(folder.open(path).read())
    content[-1] ^= 1
    folder.write(path, bytes(content))
    with pytest.raises(Exception, match=r"text_emb_00000_0001\.npy is damaged; run again: this chunk alone"):
        write(folder, [batch], samples_per_shard=8, stores=[store])
    assert len(store.scores(0)) == 20 - 7


def test_embeddings_that_are_not_stored_are_named(embedded):
    folder, batch, store, _ = embedded(20)
    store.discard_chunk(0, 1)
    with pytest.raises(
        Exception, match=r"tiny-0123abcd has no embeddings of uid [0-9a-f]{32} and 6 others of staging shard 0"
    ):
        write(folder, [batch], samples_per_shard=20, stores=[store])
