import pytest

from babelsift.pipelines.cli.main import main
from babelsift.schemas.file_systems import file_system_error


@pytest.mark.parametrize(
    ("url", "extra"),
    [("s3://b/run", "s3"), ("simplecache::s3://b/x", "s3"), ("gs://b/run", "gcs"), ("hf://datasets/a/b", "hf")],
)
def test_the_extra_that_brings_a_file_system_is_named(url, extra):
    line = file_system_error(url, ImportError("Please install it"))
    assert line == f"{url}: Please install it; run: pip install 'babelsift[{extra}]'"


def test_a_file_system_without_an_extra_names_its_package():
    assert file_system_error("abfs://c/x", ImportError("Install adlfs")).endswith("install the package that it names")


@pytest.mark.parametrize(
    "command",
    [
        ["status", "nonesuch://bucket/run"],
        ["curate", "--recipe", "laion400m", "--input", "nonesuch://bucket/*.parquet", "--output", "out"],
        ["hash", "nonesuch://bucket/images", "--output", "hashes.parquet"],
    ],
)
def test_a_protocol_that_nobody_knows_is_one_line(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert "nonesuch://bucket" in line
    assert "Protocol not known: nonesuch" in line
