import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.pipelines.cli.main import main
from babelsift.pipelines.inspection.subset import SUBSET_DTYPE, write_subset
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import RunFolderError

UIDS = ["0" * 15 + "2" + "f" * 16, "0" * 31 + "1", "f" * 32]


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(str(tmp_path / "out"))
    columns = {
        "uid": UIDS,
        "views": pa.array(UIDS, pa.string_view()),
        "large": pa.array(UIDS, pa.large_string()),
        "number": [1, 2, 3],
        "binary": [b"a", b"b", b"c"],
        "list": [[1], [2], [3]],
        "text": ["a", "b", "c"],
        "hole": ["0" * 32, None, "1" * 32],
        "nothing": pa.nulls(3),
    }
    for shard in range(2):
        with folder.writing(f"shards/{shard:08d}.parquet") as file:
            pq.write_table(pa.table(columns), file)
    return folder


@pytest.mark.parametrize("column", ["uid", "views", "large"])
def test_uids_are_written_sorted(folder, tmp_path, column):
    assert write_subset(folder, str(tmp_path / "subset.npy"), column=column) == 6
    uids = np.load(tmp_path / "subset.npy")
    assert uids.dtype == SUBSET_DTYPE
    assert [f"{high:016x}{low:016x}" for high, low in uids.tolist()] == sorted(UIDS * 2)


@pytest.mark.parametrize("column", ["number", "binary", "list", "text", "hole", "nothing", "nonesuch"])
def test_a_column_that_holds_no_uids_is_one_line(folder, tmp_path, capsys, column):
    with pytest.raises(RunFolderError, match=repr(column)):
        write_subset(folder, str(tmp_path / "subset.npy"), column=column)
    assert main(["subset", folder.url, str(tmp_path / "subset.npy"), "--column", column]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "subset.npy").exists()


def test_a_file_that_cannot_be_written_is_one_line(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot write"):
        write_subset(folder, str(tmp_path / "file" / "subset.npy"))
