import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import DUPLICATES_FILE
from babelsift.pipelines.stages.dedup.duplicates_table import draw_clusters, write_duplicates
from babelsift.schemas.duplicates import DUPLICATES_SCHEMA, DrawnCluster


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
