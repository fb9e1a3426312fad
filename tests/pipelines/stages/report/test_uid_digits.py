import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.rendering import ImageCluster, Sample
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.report.uid_digits import shown_uids, unique_digits

SHOWN = "0123456789abcdef" * 2


def sample(uid, survivor=None):
    return Sample("shard", None, uid, "http://a.example/1.jpg", "a dog", "en", survivor=survivor)


@pytest.mark.parametrize(
    ("others", "digits"),
    [
        ([], 8),
        (["f" * 32, None], 8),
        (["0123456" + "f" * 25], 8),
        (["01234567" + "f" * 24], 9),
        ([SHOWN[:20] + "f" * 12, SHOWN], 21),  # the pair itself is no other
        ([SHOWN[:31] + "0"], 32),
    ],
)
def test_so_many_digits_that_no_other_pair_of_the_run_begins_so(tmp_path, others, digits):
    folder = RunFolder(str(tmp_path))
    pairs = {"kept.parquet": [SHOWN], "rejects.parquet": others}
    for name, uids in pairs.items():
        pq.write_table(pa.table({"uid": pa.array(uids, pa.string())}), tmp_path / name)
    assert unique_digits(folder, {SHOWN}, pairs) == digits


def test_uids_that_are_shown_are_told_from_each_other(tmp_path):
    assert unique_digits(RunFolder(str(tmp_path)), {"a" * 32, "a" * 12 + "b" * 20}, []) == 13
    assert unique_digits(RunFolder(str(tmp_path)), set(), []) == 8


def test_all_that_the_page_shows_counts():
    cluster = ImageCluster("equal_hash", sample("c"), [sample("d")], 1)
    assert shown_uids([sample("a", sample("b")), sample("")], [cluster]) == {"a", "b", "c", "d"}
