import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.inspection.why import fates_of, find_fates
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import LEDGER_SCHEMA, RunFolderError

UIDS = ["23f071e9" + "0" * 24, "23f071ea" + "0" * 24, "77" + "0" * 30]


@pytest.fixture
def out(tmp_path):
    rows = [
        {
            "uid": uid,
            "url": f"http://e.org/{at}",
            "caption": "a dog",
            "source_file": "a.csv",
            "source_row": at,
            "stage": "rules",
            "reason": "too_short",
        }
        for at, uid in enumerate([*UIDS, UIDS[0], None])
    ]
    folder = RunFolder(str(tmp_path))
    folder.write("funnel.json", b"{}")
    with folder.writing("rejects/00000.parquet") as file:
        pq.write_table(
            pa.Table.from_pylist(rows, schema=pa.schema([f.with_nullable(True) for f in LEDGER_SCHEMA])), file
        )
    return str(tmp_path)


@pytest.mark.parametrize(
    ("asked", "rows"),
    [("23f071e9", [0, 3]), ("23F071E9", [0, 3]), (UIDS[1], [1]), ("7700", [2]), ("http://e.org/2", [2])],
)
def test_a_prefix_that_one_pair_has_is_enough(out, asked, rows):
    fates = fates_of(out, asked)
    assert [f"row {row} of a.csv" in fate for row, fate in zip(rows, fates, strict=True)] == [True] * len(rows)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("23f071", f"2 pairs have a uid that begins with 23f071: {UIDS[0]}, {UIDS[1]}; give more digits"),
        ("23f071eb", "no pair with uid 23f071eb was in the input"),
        ("http://e.org/9", "no pair with url http://e.org/9 was in the input"),
        ("23f", "no pair with url 23f"),
    ],
)
def test_one_line_where_no_pair_or_several_are_meant(out, asked, message):
    with pytest.raises(RunFolderError, match=message.replace(".", r"\.")):
        fates_of(out, asked)


def test_a_fate_as_plain_values(out):
    [fate] = [fate.to_json() for fate in find_fates(out, "7700")]
    expected = {"fate": "rejected", "uid": UIDS[2], "url": "http://e.org/2", "reason": "too_short", "is_asked": True}
    assert expected.items() <= fate.items()
