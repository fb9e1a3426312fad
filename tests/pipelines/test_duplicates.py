import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.duplicates import DUPLICATES_FILE, write_duplicates
from pipelines.run_folder import RunFolder
from schemas.duplicates import DUPLICATES_SCHEMA


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
        assert write_duplicates(None, order, RunFolder(str(tmp_path))) == 3
        written.append((tmp_path / DUPLICATES_FILE).read_bytes())
    table = pq.read_table(tmp_path / DUPLICATES_FILE)
    assert table.schema.equals(DUPLICATES_SCHEMA)
    assert table.column("uid").to_pylist() == ["c", "d", "e"]
    assert written[0] == written[1]


def test_nothing_rejected_leaves_an_empty_table_not_an_old_one(tmp_path):
    folder = RunFolder(str(tmp_path))
    write_duplicates(None, [rows(("c", "a"))], folder)
    assert write_duplicates(None, [], folder) == 0
    assert len(pq.read_table(tmp_path / DUPLICATES_FILE)) == 0
