"""Which store a file system gets: on a disk, on S3, on another object store, or where files are renamed."""

from __future__ import annotations

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from babelsift.pipelines.storage.local_store import LocalStore
from babelsift.pipelines.storage.object_store import ObjectStore
from babelsift.pipelines.storage.renaming_store import RenamingStore
from babelsift.pipelines.storage.s3_store import S3Store
from babelsift.pipelines.storage.store import Store

# What they are sent is there whole or not at all.
_WHOLE_PUTS = frozenset(("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf", "oss", "cos", "tos", "oci", "memory"))


def open_store(fs: AbstractFileSystem, root: str) -> Store:
    """Returns the store below a root of a file system."""
    if isinstance(fs, LocalFileSystem):
        return LocalStore(root)
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol
    if _WHOLE_PUTS.isdisjoint(protocols):
        return RenamingStore(fs, root)
    if hasattr(fs, "call_s3"):
        return S3Store(fs, root)
    return ObjectStore(fs, root, put_bytes=None) if "memory" in protocols else ObjectStore(fs, root)
