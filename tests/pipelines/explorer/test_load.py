"""A run's pairs from any file system, and what a folder may lack."""

import contextlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from babelsift.pipelines.cli.main import main
from babelsift.pipelines.explorer.labels import Labels
from babelsift.pipelines.explorer.pairs.columns import BINS, numbers_of
from babelsift.pipelines.explorer.session import load_session
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import InputError, RunFolderError
from tests.support.without_packages import run_without


@pytest.fixture
def elsewhere(explored):
    """The same run on an object store of this process."""
    folder = copied(explored, "memory://explored-elsewhere")
    yield folder
    for path in folder.files_under(""):
        folder.remove(path)


def copied(folder, url):
    copy = RunFolder(url)
    for path in folder.files_under(""):
        with copy.writing(path) as file:
            file.write(folder.read(path))
    return copy


def session_of(folder, tmp_path, *others):
    return load_session([folder.url, *(other.url for other in others)], str(tmp_path / "labels.csv"))


def test_a_run_on_an_object_store_shows_the_same_pairs_and_images(explored, elsewhere, tmp_path):
    session = session_of(explored, tmp_path, elsewhere)
    here, there = session.runs
    assert here.table.equals(there.table)
    rows = [row for row in range(len(here.table)) if here.image(row) is not None]
    assert len(rows) == 9  # those of the shards, and one that a rule left out, of a URL that was downloaded
    assert [here.image(row) for row in rows] == [there.image(row) for row in rows]


def test_without_staging_images_come_from_the_shards(elsewhere, tmp_path):
    [before] = session_of(elsewhere, tmp_path).runs
    images = [before.image(row)[0] for row in range(8)]
    for path in elsewhere.files_under("staging"):
        elsewhere.remove(path)
    [after] = session_of(elsewhere, tmp_path).runs
    assert [after.image(row)[0] for row in range(8)] == images


def test_without_the_tars_of_staging_alone_too(elsewhere, tmp_path):
    for path in elsewhere.files_under("staging"):
        if path.endswith(".tar"):
            elsewhere.remove(path)
    left = elsewhere.files_under("")
    [run] = session_of(elsewhere, tmp_path).runs
    assert all(run.image(row) is not None for row in range(8))
    with pytest.raises(RunFolderError, match="is gone"):  # of a pair that is in no shard
        run.image(run.columns.column("reason").to_pylist().index("too_few_characters"))
    assert elsewhere.files_under("") == left


def test_what_the_other_run_made_of_a_pair_is_a_facet(explored, elsewhere, tmp_path):
    first, second = session_of(explored, tmp_path, elsewhere).runs
    fates = first.columns.column(f"in {second.name}")
    assert pc.all(pc.equal(fates, first.columns.column("fate").dictionary_decode().cast(fates.type))).as_py()


@pytest.mark.parametrize("text", ["uid\nx\n", "uid,label\nabc,7\n", "uid,label\n,1\n", "\xff"])
def test_a_file_of_labels_that_is_none_is_one_line(tmp_path, text):
    file = tmp_path / "labels.csv"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"labels\.csv"):
        Labels(file)


def test_a_histogram_has_every_number_in_a_bin():

    for values in ([1, 1, 1], [0.5, None, float("nan"), 2.5], [1, 10**9, 50, 60], [None], [float("inf"), 1.0]):
        numbers = numbers_of(pa.array(values, pa.float64()))
        finite = [value for value in values if value is not None and np.isfinite(value)]
        assert (numbers.bins < BINS).sum() == len(finite)
        assert np.all(np.diff(numbers.edges) > 0)


def without_the_extra(folder):
    with contextlib.redirect_stderr(sys.stdout):
        assert main(["explore", folder]) == 2


def test_without_its_extra_the_command_says_what_to_install(explored):
    said = run_without(without_the_extra, explored.url, packages=("starlette",))
    assert said.strip().splitlines()[-1] == "babelsift: explore needs starlette; pip install 'babelsift[explore]'"
