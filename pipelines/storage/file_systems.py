"""Opening file systems so that an operation that fails is tried again by us alone, see `storage.errors`.

S3's client tries each request five times itself, and s3fs each of those five times: a store that does not answer would
be waited for that many times as long. Whoever says otherwise to botocore or fsspec is heard.
"""

from __future__ import annotations

import os
from typing import Any

import fsspec
from fsspec import AbstractFileSystem

_S3 = ("s3", "s3a")
_BUCKETS = (*_S3, "gs", "gcs")
# By which a user tells botocore how often to try.
_VARIABLES = ("AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE")
_ONCE = {"retries": {"total_max_attempts": 1}}


def open_file_system(url: str, **options: Any) -> tuple[AbstractFileSystem, str]:
    """Returns the file system of a URL, and the path on it.

    Args:
        url: as fsspec has them; a local path is one.
        options: of the file system, as fsspec's `storage_options`.
    Raises:
        ImportError: its package is not installed.
        ValueError: nobody knows such a file system, or the URL names no bucket of it.
    """
    if _is_s3(url) and not _says_how_often(options):
        options["config_kwargs"] = {**options.get("config_kwargs", {}), **_ONCE}
    if _names_no_bucket(url):
        raise ValueError("names no bucket; write BUCKET/FOLDER after ://")
    fs, path = fsspec.core.url_to_fs(url, **options)
    if _is_s3(url):
        fs.retries = 1  # of s3fs
    return fs, path


def _names_no_bucket(url: str) -> bool:
    scheme, separator, path = url.rpartition("::")[2].partition("://")
    return bool(separator) and scheme in _BUCKETS and not path.strip("/")


def _is_s3(url: str) -> bool:
    return "::" not in url and url.partition("://")[0] in _S3


def _says_how_often(options: dict[str, Any]) -> bool:
    if any(os.environ.get(name) for name in _VARIABLES):
        return True
    configured = {**fsspec.config.conf.get("s3", {}), **options}
    return "retries" in configured.get("config_kwargs", {}) or _profile_says_how_often()


def _profile_says_how_often() -> bool:
    try:
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session
    except ImportError:
        return False
    try:
        profile = Session().get_scoped_config()
    except BotoCoreError:
        return False  # which the client says in words of its own
    return "max_attempts" in profile or "retry_mode" in profile
