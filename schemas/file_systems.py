"""A file system whose package is not installed, or that nobody knows: one line with the remedy."""

from __future__ import annotations

from babelsift.schemas.errors import one_line
from babelsift.schemas.public_urls import public_url

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "hf": "hf"}


def file_system_error(url: str, error: ImportError | ValueError) -> str:
    """Returns one line on a URL that fsspec cannot open, naming the extra that helps.

    >>> file_system_error("s3://bucket/run", ImportError("Install s3fs to access S3"))
    "s3://bucket/run: Install s3fs to access S3; run: pip install 'babelsift[s3]'"

    Args:
        url: the URL as the user named it.
        error: what `fsspec.core.url_to_fs` raised.

    Returns:
        The line, without credentials.
    """
    extra = _EXTRAS.get(url.partition("://")[0].rpartition("::")[2])
    if isinstance(error, ImportError) and extra:
        remedy = f"run: pip install 'babelsift[{extra}]'"
    elif isinstance(error, ImportError):
        remedy = "install the package that it names"
    else:
        remedy = "check its spelling"
    return f"{public_url(url)}: {one_line(error)}; {remedy}"
