from random import Random

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import DUPLICATES_FILE
from babelsift.pipelines.stages.dedup.duplicates_table import WriteDuplicates, draw_clusters, write_duplicates
from babelsift.schemas.duplicates import DUPLICATES_SCHEMA, TEXT_MERGED, DrawnCluster


def rows(*pairs):
    records = [
        {
            "uid": uid,
            "survivor": survivor,
            "kind": "near_hash",
            "distance": 3,
            "earlier_run": False,
            "report_only": False,
        }
        for uid, survivor in pairs
    ]
    return pa.RecordBatch.from_pylist(records, schema=DUPLICATES_SCHEMA)


def test_clusters_lie_together_whatever_the_order(tmp_path):
    parts = [rows(("c", "a"), ("e", "b")), rows(("d", "a"))]
    written = []
    for order in (parts, parts[::-1]):
        assert len(write_duplicates(None, order, RunFolder(str(tmp_path)))) == 3
        written.append((tmp_path / DUPLICATES_FILE).read_bytes())
    table = pq.read_table(tmp_path / DUPLICATES_FILE)
    assert table.schema.equals(DUPLICATES_SCHEMA)
    assert table.column("uid").to_pylist() == ["c", "d", "e"]
    assert written[0] == written[1]


def test_nothing_rejected_leaves_an_empty_table_not_an_old_one(tmp_path):
    folder = RunFolder(str(tmp_path))
    write_duplicates(None, [rows(("c", "a"))], folder)
    assert len(write_duplicates(None, [], folder)) == 0
    assert len(pq.read_table(tmp_path / DUPLICATES_FILE)) == 0


def written_by(folder, batches, partitions):
    """(the file's bytes, the drawn clusters), by a pipeline."""
    drawn = folder / "drawn"
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        rows = pipeline | beam.Create(batches, reshuffle=False).with_output_types(pa.RecordBatch)
        clusters = rows | WriteDuplicates(RunFolder(str(folder)), partitions=partitions)
        _ = clusters | beam.Map(repr) | beam.io.WriteToText(str(drawn), num_shards=1)
    return (folder / DUPLICATES_FILE).read_bytes(), (folder / "drawn-00000-of-00001").read_text()


@pytest.mark.parametrize("merged", [False, True])
def test_partitions_write_the_file_and_draw_the_clusters_that_one_does(tmp_path, merged):
    random = Random(0)
    pairs = [(f"{random.getrandbits(128):032x}", f"{random.getrandbits(128):032x}") for _ in range(60)]
    batches = [rows(*pairs[:20]), rows(*pairs[20:45], *[(own[::-1], kept) for own, kept in pairs[:9]])]
    if merged:
        batches[0] = batches[0].append_column(TEXT_MERGED.name, pa.array([True] * 20))
    folders = [tmp_path / name for name in ("one", "three")]
    for folder in folders:
        folder.mkdir()
    assert written_by(folders[0], batches, 1) == written_by(folders[1], batches, 3)
    assert len(pq.read_table(folders[1] / DUPLICATES_FILE)) == 54
    assert not [path for path in (folders[1] / "staging").rglob("*") if path.is_file()]


def test_no_rows_in_several_partitions_are_an_empty_file(tmp_path):
    written_by(tmp_path, [], 2)
    assert pq.read_table(tmp_path / DUPLICATES_FILE).num_rows == 0


def uid(number):
    return f"{number:032x}"


def test_a_few_clusters_of_each_kind_are_drawn_by_the_seed(tmp_path):
    records = [
        {"uid": uid(100 * survivor + copy), "survivor": uid(survivor), "kind": "near_hash", "distance": copy}
        for survivor in range(20)
        for copy in range(1, 9)
    ]
    records = [{**record, "earlier_run": False, "report_only": False} for record in records]
    semantic = {"uid": uid(7), "survivor": uid(5), "kind": "semantic", "cosine": 0.96, "earlier_run": False}
    records.append({**semantic, "report_only": True})
    table = pa.Table.from_pylist(records, schema=DUPLICATES_SCHEMA)
    clusters = draw_clusters(table, seed=0)
    assert [cluster.kind for cluster in clusters] == ["near_hash"] * 3 + ["semantic"]
    assert clusters == draw_clusters(table, seed=0)
    assert clusters[:3] != draw_clusters(table, seed=1)[:3]
    first = int(clusters[0].survivor, 16)
    assert clusters[0].size == 8
    assert clusters[0].members == tuple(
        (uid(100 * first + copy), f"{copy} bit{'s' * (copy > 1)}") for copy in range(1, 6)
    )
    assert clusters[3] == DrawnCluster("semantic", uid(5), False, True, 1, ((uid(7), "cosine 0.9600"),))
