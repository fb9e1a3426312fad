"""What crosses a shuffle: no element is much larger than a mebibyte, however much a bundle has gathered."""

import pickle

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.pipeline import PipelineVisitor

from babelsift.filters.dedup import (
    CAPTION_LINK,
    CAPTION_PAIR,
    DIGEST_RECORD,
    IMAGE_HASHES,
    pack_embedding_records,
    pack_image_hashes,
)
from babelsift.filters.dedup.embeddings.embedding_records import embedding_record
from babelsift.filters.uids import compute_uids, digests, uid_bytes
from babelsift.pipelines.core.batches import encode_batch
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.groups import decide_linked, look_up
from babelsift.pipelines.core.groups.bottom_k import LowestMembers
from babelsift.pipelines.core.groups.lowest_per_digest import LowestPerDigest
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.shuffled_pieces import MAX_SHUFFLED_BYTES, batch_pieces, named_pieces, rejoined
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.job.frequent_ngrams import FrequentNgrams
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.dedup.captions import find_near_captions
from babelsift.pipelines.stages.dedup.images.near_images import FindNearHashes
from babelsift.pipelines.stages.dedup.semantic.clusters import AssignClusters
from babelsift.pipelines.stages.download.large_domains import FindSplitDomains
from babelsift.pipelines.stages.shard.write_shards import GroupShards
from babelsift.schemas.recipe import NearCaptions

ROWS = 40_960
SLACK = 4096  # a coder's own bytes


def pairs(rows=ROWS, words=1):
    numbers = np.random.default_rng(0).integers(0, 1 << 62, (rows, words)).astype("U20")
    captions = [" ".join(row) for row in numbers]
    urls = [f"http://{row[0]}.com/" for row in numbers]
    return pa.record_batch(
        {
            "uid": compute_uids(pa.array(urls), pa.array(captions)),
            "url": urls,
            "caption": captions,
            "compared": pa.array(captions, pa.large_string()),
            "source_file": ["pairs.parquet"] * rows,
            "source_row": pa.array(range(rows), pa.int64()),
        }
    )


def caption_digests(batch):
    return digests(batch.column("caption"))


def url_digests(batch):
    return digests(batch.column("url"))


def in_one_partition(batch):
    return np.zeros(len(batch), np.int64)


def in_one_bundle(buffer, elements):
    """All that a buffer emits of a bundle."""
    buffer.start_bundle()
    emitted = [output for element in elements for output in buffer.process(element)]
    return emitted + [windowed.value for windowed in buffer.finish_bundle()]


def encoded_size(element):
    if isinstance(element, beam.pvalue.TaggedOutput):
        return encoded_size(element.value)
    if isinstance(element, tuple):
        return sum(map(encoded_size, element))
    if isinstance(element, pa.RecordBatch):
        return len(encode_batch(element))
    return len(element) if isinstance(element, bytes) else len(pickle.dumps(element))


def sizes(elements):
    found = [encoded_size(element) for element in elements]
    assert max(found) <= MAX_SHUFFLED_BYTES + SLACK
    return found


def random_records(dtype, rows):
    return np.frombuffer(np.random.default_rng(0).bytes(rows * dtype.itemsize), dtype)


def buffers_of(transform, *tables):
    """The buffers of a transform of batches, as it wires them."""
    found = []

    class Visitor(PipelineVisitor):
        def visit_transform(self, transform_node):
            if isinstance(getattr(transform_node.transform, "fn", None), BundleBuffer):
                found.append(transform_node.transform.fn)

    pipeline = beam.Pipeline()
    batches = pipeline | beam.Create([]).with_output_types(pa.RecordBatch)
    if tables:
        empty = {name: pipeline | name >> beam.Create([]).with_output_types(Packed) for name in tables}
        batches = {look_up.BATCHES: batches, **empty}
    batches | transform
    pipeline.visit(Visitor())
    return found


LOOK_UP = look_up.LookUp({"table": caption_digests}, {"table": DIGEST_RECORD}, 2)


@pytest.mark.parametrize(
    ("transform", "tables", "elements"),
    [
        (LowestPerDigest(caption_digests, 1), [], [pairs()]),
        (LowestMembers(caption_digests, url_digests, 5, 1), [], [pairs()]),
        (LOOK_UP, ["table"], [pairs()]),
        (FrequentNgrams(10, partitions=1), [], [pairs()]),
        (FindSplitDomains(RunFolder("nowhere"), 1), [], [pairs()]),
        (GroupShards(10_000, 0), [], [pairs(1024)]),
        (find_near_captions.FindNearCaptions(NearCaptions(), 1), [], [pairs(words=8)]),
        (FindNearHashes(15, 1), [], [pack_image_hashes(random_records(IMAGE_HASHES, ROWS))]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, beam.PTransform) else "",
)
def test_a_bundle_of_any_size_is_emitted_in_pieces(transform, tables, elements):
    buffers = [buffer for buffer in buffers_of(transform, *tables) if not isinstance(buffer, SplitByPartition)]
    assert buffers
    for buffer in buffers:
        assert len(sizes(in_one_bundle(buffer, elements))) > 1


@pytest.mark.parametrize("batch", [pairs(), pairs(1024, words=400)], ids=["many rows", "long captions"])
def test_rows_of_one_partition_are_emitted_in_pieces(batch):
    assert len(sizes(in_one_bundle(SplitByPartition(in_one_partition), [batch]))) > 3


def test_vectors_of_one_cluster_are_emitted_in_pieces():
    rows = random_records(embedding_record(512), 4096)
    buffer = AssignClusters(None, 64 << 20)
    buffer.start_bundle()
    emitted = [*buffer.process(pack_embedding_records(rows), b"")]
    emitted += [windowed.value for windowed in buffer.finish_bundle()]
    assert len(sizes(emitted)) == 5


def test_a_partition_gives_its_tables_and_links_on_in_pieces():
    records = np.sort(random_records(np.dtype("S16"), 200_000)).view("V16")
    table = np.zeros(len(records) // 2, CAPTION_LINK)
    table["survivor"], table["uid"] = records[::2], records[1::2]
    assert len(sizes(look_up.split_table(table.tobytes(), 0, 1, CAPTION_LINK))) > 3
    assert len(sizes(decide_linked.split_links(table.tobytes(), CAPTION_LINK, 1))) > 3
    members = decide_linked.packed_members(table.tobytes(), CAPTION_LINK)
    assert len(sizes(decide_linked.split_members(members, 1))) > 1
    met = 0, {"links": [table.tobytes()], "members": [members]}
    assert len(sizes(decide_linked.to_components(met, CAPTION_LINK, 1, None))) > 3
    assert len(sizes(find_near_captions.split_links(table.tobytes(), "uid", 1))) > 3


def test_captions_that_meet_their_pairs_travel_in_pieces():
    batch = pairs(4096, words=40)
    uids = uid_bytes(batch.column("uid"))
    order = np.argsort(uids.view("S16"), kind="stable")
    pack = list(find_near_captions.pack_captions(uids, batch.column("compared")))
    links = np.zeros(len(uids) // 2, CAPTION_PAIR)
    links["survivor"], links["uid"] = uids[order[::2]], uids[order[1::2]]
    others = [packed for _, packed in find_near_captions.others_of_pairs(links, 1)]
    group = 0, {"captions": pack, "others": others, "pairs": [links.tobytes()]}
    assert len(sizes(find_near_captions.other_captions(group))) > 1
    halves = list(find_near_captions.with_kept_captions(group, 1))
    sizes(halves)
    found, _ = find_near_captions.unpack_captions([captions for _, (_, captions) in halves if captions])
    assert sorted(found.tolist()) == sorted(links["survivor"].tolist())


@pytest.mark.parametrize("metadata", [None, {b"unit": b"px"}])
def test_a_batch_is_the_same_again_after_its_pieces_met(metadata):
    large = pairs(4096, words=40).replace_schema_metadata(metadata)
    small = pairs(10).replace_schema_metadata(metadata)
    pieces = [piece for batch in (large, small, large) for piece in named_pieces(batch)]
    np.random.default_rng(0).shuffle(pieces)
    assert len(sizes(pieces)) > 5
    met = sorted(rejoined(pieces), key=len)
    assert len(met) == 3
    assert all(batch.equals(like, check_metadata=True) for batch, like in zip(met, [small, large, large], strict=True))


def test_a_row_is_never_cut():
    batch = pairs(2, words=200_000)
    assert [len(piece) for piece in batch_pieces(batch)] == [1, 1]
    assert [len(piece) for piece in batch_pieces(batch.slice(0, 0))] == [0]
