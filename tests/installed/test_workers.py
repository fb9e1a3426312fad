"""Workers that are processes of their own, and what Beam ships to those that have not got the wheel."""

import tarfile
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.installation import copy_sources, run_uv, succeeded

# What Beam's submission does with `--setup_file`, and where it puts the sdist that it makes.
_STAGE = """
import sys
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.stager import Stager
options = PipelineOptions(["--setup_file", "./setup.py"])
print(*(artifact.role_payload for artifact in Stager.create_job_resources(options, sys.argv[1])), sep="\\n")
"""
_RECIPE = """
name: captions
captions: {min_words: 3}
language: {keep: [en]}
download: {ports: null, allow_addresses: ["127.0.0.1/32"], retries: 0}
"""


@pytest.fixture(scope="module")
def checkout(installation, tmp_path_factory):
    """A clone of the repository, in which a user submits; setuptools is what Beam packs `setup.py` with."""
    run_uv("pip", "install", "--quiet", "--python", installation.python, "setuptools>=77")
    return copy_sources(tmp_path_factory.mktemp("checkout"))


def test_beam_packs_setup_py_as_it_stands(installation, checkout, tmp_path):
    succeeded(installation.run_python("-c", _STAGE, tmp_path, cwd=checkout))
    [sdist] = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as packed, tarfile.open(installation.sdist) as ours:
        names, expected = (
            {PurePosixPath(name).relative_to(PurePosixPath(name).parts[0]) for name in archive.getnames()}
            for archive in (packed, ours)
        )
    assert names == expected
    run_uv("pip", "install", "--quiet", "--python", installation.python, "--no-deps", "--target", tmp_path / "w", sdist)
    code = "import babelsift, babelsift.pipelines.cli.main as m; print(babelsift.__file__); m.main(['recipes'])"
    listed = succeeded(installation.run_python("-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path / "w")))
    assert listed.startswith(str(tmp_path / "w" / "babelsift"))
    assert "laion400m" in listed


def test_a_clone_as_the_working_folder_hides_no_subpackage(installation, checkout):
    """`python -m` looks there first, and finds a folder `babelsift` without the rooms that are beside it."""
    assert "laion400m" in succeeded(installation.run_python("-m", "babelsift", "recipes", cwd=checkout))


@pytest.mark.slow
def test_worker_processes_import_the_installed_package(installation, checkout, tmp_path):
    """Each stage's workers are new processes; the submitting one stands in a clone and ships it, too."""
    captions = ["a dog on a red sofa", "ein Hund auf einem roten Sofa", "too short"]
    urls = [f"http://127.0.0.1:9/{row}.jpg" for row in range(len(captions))]
    pq.write_table(pa.table({"url": urls, "caption": captions}), tmp_path / "pairs.parquet")
    (tmp_path / "recipe.yaml").write_text(_RECIPE)
    arguments = ["--recipe", tmp_path / "recipe.yaml", "--input", tmp_path / "pairs.parquet"]
    workers = ["--direct_running_mode", "multi_processing", "--direct_num_workers", "2", "--setup_file", "./setup.py"]
    done = installation.babelsift("curate", *arguments, "--output", tmp_path / "out", *workers, cwd=checkout)
    succeeded(done)
    rejected = pa.concat_tables(pq.read_table(path) for path in (tmp_path / "out/rejects").glob("*.parquet"))
    reasons = sorted(rejected.column("reason").to_pylist())
    assert reasons == ["connection_failure", "language_not_kept", "too_few_words"]
