"""An operation that fails is tried again by us alone, whatever its library would do, unless the user says otherwise."""

import fsspec
import pytest
import s3fs

from babelsift.pipelines.storage.errors import Retries
from babelsift.pipelines.storage.file_systems import open_file_system
from babelsift.pipelines.storage.object_store import ObjectStore
from tests.support.faulty_proxy import Fault

ATTEMPTS = Retries().attempts


@pytest.fixture
def requests(s3_bucket, monkeypatch, tmp_path):
    """requests(**options) -> how many requests a read from a store sends while all are answered by 503.

    However slow the machine is: nothing is waited for between them, and no time goes by.
    """
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    def count(**options):
        s3fs.S3FileSystem.clear_instance_cache()
        fs, path = open_file_system(s3_bucket.url("run"), **options)
        store = ObjectStore(fs, path, retries=Retries(wait=lambda seconds: None, clock=lambda: 0.0))
        with (
            s3_bucket.proxy.injecting(Fault.UNAVAILABLE) as injection,
            pytest.raises(OSError, match=r"Service Unavailable|injected"),
        ):
            store.read("a")
        return len(injection.met)

    yield count
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_store_that_fails_is_asked_as_often_as_we_say(requests):
    assert requests() == ATTEMPTS


def test_whoever_tells_botocore_how_often_is_heard(requests, monkeypatch, tmp_path):
    assert requests(config_kwargs={"retries": {"total_max_attempts": 2}}) == 2 * ATTEMPTS
    (tmp_path / "config").write_text("[default]\nmax_attempts = 2\n")
    assert requests() == 2 * ATTEMPTS
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert requests() == ATTEMPTS


def test_other_options_stay(s3_bucket):
    fs, path = open_file_system(s3_bucket.url("a"), config_kwargs={"read_timeout": 3})
    assert fs.config_kwargs["read_timeout"] == 3
    assert path == f"{s3_bucket.name}/a"


def test_other_file_systems_are_as_fsspec_opens_them(tmp_path):
    assert open_file_system(str(tmp_path)) == fsspec.core.url_to_fs(str(tmp_path))
    assert open_file_system("memory://a/b") == fsspec.core.url_to_fs("memory://a/b")
    with pytest.raises(ValueError, match="nonesuch"):
        open_file_system("nonesuch://a")
