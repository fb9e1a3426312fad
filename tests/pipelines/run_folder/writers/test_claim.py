import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from babelsift.pipelines.run_folder.writers.claim import check_claimable, claim_folder
from babelsift.pipelines.run_folder.writers.lock import RunLock
from babelsift.schemas import RunFolderError

TEMPORARY = ".writing-0123456789abcdef0123456789abcdef-00000.tar"


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path):
    folder = RunFolder(str(tmp_path / "out") if request.param == "local" else "memory://claimed")
    yield folder
    for path in folder.files_under(""):
        folder.remove(path)


@pytest.mark.parametrize(
    "taken",
    [
        "shards/x.tar",
        "shards/deep/down/x",
        "validation/notes.txt",
        "embeddings/mine.npy",
        "embeddings-validation/mine.npy",
        "rejects/a.parquet",
        "concepts/a.parquet",
        "staging/a",
        "report/mine.html",
        "README.md",
        "croissant.json",
        "recipe.yaml",
        "funnel.json",
        "sizes.json",
        "selection.json",
        "duplicates.parquet",
        "shards",
    ],
)
def test_a_folder_that_holds_a_name_of_ours_is_refused_and_left_as_it_is(folder, taken):
    folder.write(taken, b"somebody's")
    with pytest.raises(RunFolderError, match=rf"--output \S+: holds {taken}, which no run .*choose another folder$"):
        claim_folder(folder, "run")
    assert {path: folder.read(path) for path in folder.files_under("")} == {taken: b"somebody's"}


def test_other_names_and_what_a_killed_first_run_left_do_not_count(folder):
    for path in ("mine.parquet", "00000.tar", "data/shards/x.tar", f"staging/images/{TEMPORARY}", TEMPORARY):
        folder.write(path, b"")
    with RunLock(folder, wait=lambda seconds: None):
        claim_folder(folder, "run")
        assert read_manifest(folder) is None, "claimed, and nothing more"
        folder.write("shards/00000000.tar", b"")
        claim_folder(folder, "run")
        check_claimable(folder)


def test_half_a_file_of_a_killed_writer_is_gone_wherever_writers_write(tmp_path):
    folder = RunFolder(str(tmp_path))
    folders = ("", "shards/", "staging/images/", "removals/swap/", "until/dedup_pairs/rejects/", "urls/")
    for where in folders:
        folder.write(f"{where}{TEMPORARY}", b"half")
    with RunLock(folder, wait=lambda seconds: None):
        claim_folder(folder, "run")
    assert [path for path in folder.files_under("") if TEMPORARY in path] == []


def test_a_manifest_that_cannot_be_read_is_not_written_over(folder):
    folder.write("manifest.json", b"{")
    with pytest.raises(RunFolderError, match="is not JSON"):
        claim_folder(folder, "run")
    assert folder.read("manifest.json") == b"{"
