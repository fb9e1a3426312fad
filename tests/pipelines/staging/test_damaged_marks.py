"""Damaged commit marks in staging: what they mark is downloaded, scored or imported again; never a traceback."""

import json

import pyarrow as pa
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.shaping_settings import shaping_settings
from babelsift.pipelines.staging.img2dataset.imported_rows import import_summary, imported_path
from babelsift.pipelines.staging.inventory import staged_downloads
from babelsift.pipelines.staging.layout import STAGED_SCHEMA, shard_path
from babelsift.pipelines.staging.scores.score_store import SCORES_FOLDER, ScoreStore, read_model_info
from babelsift.pipelines.staging.shards import StagingWriter, read_staged_rows, staged_shards, why_not_reused
from babelsift.schemas.recipe import DownloadSettings
from tests.support.damages import CONTENTS, with_wrong_values

SETTINGS = DownloadSettings()
MARK = shard_path(3, "_stats.json")


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    """A folder with one staging shard, and the content of its mark."""
    folder = RunFolder(str(tmp_path_factory.mktemp("staged")))
    with StagingWriter(folder, 3, 10, shaping_settings(SETTINGS)) as writer:
        writer.commit(pa.RecordBatch.from_pylist([], schema=STAGED_SCHEMA), start_time=0.0, end_time=1.0)
    return folder, folder.read_json(MARK)


def look_at(folder):
    """What a run, and `status`, do with a staging shard; returns whether it serves."""
    [shard] = staged_shards(folder, 0, 1)
    why = why_not_reused(shard, shaping_settings(SETTINGS))
    assert isinstance(shard.end_time, float)
    counted = staged_downloads(folder, SETTINGS)
    assert counted.shards == (why is None)
    return why is None and read_staged_rows(folder, shard) is not None


def test_a_whole_mark_serves(staged):
    assert look_at(staged[0])


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_shard_without_a_whole_mark_is_downloaded_again(staged, content):
    folder, _ = staged
    folder.write(MARK, content)
    assert not look_at(folder)


def test_a_mark_with_any_wrong_value_is_looked_at_all_the_same(staged):
    folder, mark = staged
    serve = set()
    for name, content in with_wrong_values(mark):
        folder.write(MARK, content)
        if look_at(folder):
            serve.add(name.rpartition(" ")[0] or name)
    assert "count" not in serve
    assert "tar_bytes" not in serve
    folder.write_json(MARK, mark)


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_what_describes_a_model_is_written_again(tmp_path, content):
    folder = RunFolder(str(tmp_path))
    store = ScoreStore(folder, "model", "0123456789abcdef")
    folder.write(f"{store.root}/info.json", content)
    store.describe({"model": "m"})
    assert read_model_info(folder, "model-01234567") == {"fingerprint": store.fingerprint, "model": "m"}


def test_what_describes_a_model_with_a_wrong_value_is_no_traceback(tmp_path):
    folder = RunFolder(str(tmp_path))
    for _, content in with_wrong_values({"fingerprint": "0" * 16}):
        folder.write(f"{SCORES_FOLDER}/model-00000000/info.json", content)
        info = read_model_info(folder, "model-00000000")
        assert info is None or isinstance(info["fingerprint"], str)


def test_damaged_marks_of_an_import_are_as_none(tmp_path):
    folder = RunFolder(str(tmp_path))
    mark = {"rows": 3, "captions": 2, "problems": ["a"], "fingerprint": {"source": "s"}}
    damages = [*CONTENTS.items(), *with_wrong_values(mark)]
    for _, content in damages:
        folder.write(imported_path(0, "_stats.json"), content)
        summary = import_summary(folder, 0)
        assert summary.get("rows", 0) >= 0
        assert [problem.upper() for problem in summary.get("problems", [])] in ([], ["A"])
        assert summary.get("fingerprint", {}).get("source") in (None, "s")
    folder.write(imported_path(0, "_stats.json"), json.dumps(mark).encode())
    assert import_summary(folder, 0) == mark
