import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.rendering import Sample
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.report.find_survivors import with_survivors

KEPT, LEFT_OUT, TWICE = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(str(tmp_path))
    shard = {
        "uid": [KEPT, TWICE],
        "url": ["http://a/1", "http://a/3"],
        "caption": ["one", "three"],
        "language": ["en"] * 2,
    }
    ledger = {
        "uid": [LEFT_OUT, TWICE],
        "url": ["http://a/2", "http://a/3"],
        "caption": ["two", "three"],
        "language": [None, None],
        "stage": ["select", "dedup_pairs"],
        "reason": ["similarity_too_low", "duplicate_pair"],
    }
    for path, columns in (("shards/0.parquet", shard), ("rejects/0.parquet", ledger)):
        with folder.writing(path) as file:
            pq.write_table(pa.table(columns), file)
    return folder


@pytest.mark.parametrize(
    ("reason", "value", "expected"),
    [
        ("near_duplicate_image", f"{KEPT} at 3 bits", ("one", None, "3 bits")),
        ("duplicate_url", KEPT, ("one", None, "equal")),
        ("near_duplicate_caption", f"{LEFT_OUT} at 0.91", ("two", "similarity_too_low", "0.91")),
        ("duplicate_pair", TWICE, ("three", None, "equal")),  # not the row that was left out itself
    ],
)
def test_a_duplicate_has_the_pair_in_whose_place_it_was_left_out(folder, reason, value, expected):
    sample = Sample("dedup", reason, value=value)
    [found] = with_survivors(folder, [sample], ["shards/0.parquet", "rejects/0.parquet"])
    assert (found.survivor.caption, found.survivor.reason, found.how_near) == expected


@pytest.mark.parametrize(
    ("reason", "value"),
    [("near_duplicate_image", "d" * 32 + " at 3 bits"), ("too_few_words", KEPT), ("duplicate_url", None)],
)
def test_what_is_no_duplicate_or_of_an_earlier_run_stays_as_it_is(folder, reason, value):
    sample = Sample("dedup", reason, value=value)
    assert with_survivors(folder, [sample], ["shards/0.parquet", "rejects/0.parquet"]) == [sample]


def test_without_a_duplicate_no_table_is_read(folder):
    sample = Sample("rules", "too_few_words", value="1")
    assert with_survivors(folder, [sample], ["shards/none.parquet"]) == [sample]
