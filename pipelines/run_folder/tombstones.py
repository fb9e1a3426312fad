"""Tombstones: digests of what was removed from a run folder on request, by which each later run keeps it out.

OUT/removals/tombstones.parquet    kind, digest: of uids, URLs, domains, images' bytes and pixels; it only ever grows
            /unfinished.json       a removal that has begun and not ended: no run begins before it has
            /NNNN.json             an account of each removal: digests and counts, never a URL or a caption

A digest is BLAKE2b of kind and value, so that whoever reads the file learns of nothing that they do not know already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.uids import digests
from babelsift.filters.urls import canonical_urls, url_hosts
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import REMOVALS, TOMBSTONES, UNFINISHED_REMOVAL
from babelsift.pipelines.storage.errors import storage_failures
from babelsift.schemas import RunFolderError

UID, URL, DOMAIN, PIXELS = "uid", "url", "domain", "pixels"
HASHES = ("md5", "sha1", "sha256")  # kinds, too: of an image's bytes, as served or as stored
VALUE = "value"  # a digest by which columns' values are stored, as it is; no run asks for it
KINDS = (UID, URL, DOMAIN, PIXELS, *HASHES, VALUE)
# Columns of images, and the kind of what they hold.
_IMAGE_COLUMNS = {"pixels_digest": PIXELS, **{kind: kind for kind in HASHES}}
_SCHEMA = pa.schema([pa.field("kind", pa.string(), nullable=False), pa.field("digest", pa.binary(16), nullable=False)])
_VERSION_KEY, _VERSION = b"babelsift_tombstones", b"1"
_REMEDY = "restore it from a copy: without it what was removed may come back"


@dataclass(frozen=True)
class Tombstones:
    """What is kept out of a run folder.

    Attributes:
        digests: kind, one of KINDS -> 16 bytes each.
    """

    digests: Mapping[str, frozenset[bytes]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self.digests.values())

    def __hash__(self) -> int:
        return hash(frozenset(self.digests.items()))

    def __or__(self, other: Tombstones) -> Tombstones:
        kinds = [kind for kind in KINDS if kind in self.digests or kind in other.digests]
        return Tombstones({kind: self.of(kind) | other.of(kind) for kind in kinds})

    def of(self, kind: str) -> frozenset[bytes]:
        """Returns the digests of a kind."""
        return self.digests.get(kind, frozenset())

    def without(self, other: Tombstones) -> Tombstones:
        """Returns those that another set does not have."""
        left = {kind: self.of(kind) - other.of(kind) for kind in KINDS}
        return Tombstones({kind: found for kind, found in left.items() if found})

    def are_pairs(self, rows: pa.RecordBatch | pa.Table, *, url: str = "url") -> np.ndarray:
        """Returns bool[n], the rows whose uid, URL or domain is removed.

        Args:
            rows: with uid, or the column of URLs, or both, nullable.
            url: the name of that column.
        """
        is_removed = np.zeros(len(rows), bool)
        if UID in rows.schema.names and self.of(UID):
            is_removed |= self._has(UID, rows.column(UID))
        if url in rows.schema.names and (self.of(URL) or self.of(DOMAIN)):
            is_removed |= self.are_urls(rows.column(url))
        return is_removed

    def are_urls(self, urls: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """Returns bool[n], the URLs that are removed, or are of a removed domain, or of one below it."""
        urls = _plain(urls)
        is_removed = self._has(URL, canonical_urls(urls))
        if domains := self.of(DOMAIN):
            hosts = url_hosts(urls).dictionary_encode()
            names = hosts.dictionary.to_pylist()
            is_below = [any(name in domains for name in digests_of(DOMAIN, _and_parents(host))) for host in names]
            indices = hosts.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
            is_removed |= np.array([*is_below, False], bool)[indices]
        return is_removed

    def are_images(self, rows: pa.RecordBatch | pa.Table) -> np.ndarray:
        """Returns bool[n], the rows whose image is removed, by the digests that the rows have of it.

        Args:
            rows: with any of pixels_digest, md5, sha1, sha256, nullable.
        """
        is_removed = np.zeros(len(rows), bool)
        for name, kind in _IMAGE_COLUMNS.items():
            if name in rows.schema.names and self.of(kind):
                is_removed |= self._has(kind, _plain(rows.column(name)))
        return is_removed

    def named_by(self, rows: pa.RecordBatch | pa.Table) -> Tombstones:
        """Returns those that any of the rows has: by uid, URL, domain or a digest of its image.

        Args:
            rows: with any of uid, url, pixels_digest, md5, sha1, sha256.
        """
        names = {UID: "uid", **{kind: name for name, kind in _IMAGE_COLUMNS.items()}}
        columns = {kind: rows.column(name) for kind, name in names.items() if name in rows.schema.names}
        digests: dict[str, Iterable[bytes]] = {kind: _digests(kind, _plain(values)) for kind, values in columns.items()}
        if "url" in rows.schema.names:
            urls = _plain(rows.column("url"))
            digests[URL] = _digests(URL, canonical_urls(urls))
            hosts = url_hosts(urls).drop_null().unique().to_pylist()
            digests[DOMAIN] = digests_of(DOMAIN, (name for host in hosts for name in _and_parents(host)))
        return Tombstones({kind: self.of(kind).intersection(found) for kind, found in digests.items()})

    def has_bytes(self, content: bytes) -> bool:
        """Returns whether a file's bytes are those of an image that is removed."""
        for kind in HASHES:
            known = self.of(kind)
            if known and digests_of(kind, [hash_of(kind, content)])[0] in known:
                return True
        return False

    def has_pixels(self, digest: str | None) -> bool:
        """Returns whether pixels, by their digest, are those of an image that is removed."""
        return digest is not None and digests_of(PIXELS, [digest])[0] in self.of(PIXELS)

    def _has(self, kind: str, values: pa.Array | pa.ChunkedArray) -> np.ndarray:
        known = self.of(kind)
        if not known or not len(values):
            return np.zeros(len(values), bool)
        return np.fromiter((digest in known for digest in _digests(kind, _plain(values))), bool, len(values))


NO_TOMBSTONES = Tombstones()


def hash_of(kind: str, content: bytes) -> str:
    """Returns the digest of bytes by one of HASHES, as hex."""
    return hashlib.new(kind, content, usedforsecurity=False).hexdigest()


def digests_of(kind: str, values: Iterable[str | None]) -> list[bytes]:
    """Returns the digest of each value of a kind; a null has one, too, which nothing else has.

    >>> digests_of("uid", ["00"]) == digests_of("url", ["00"])
    False
    """
    return list(_digests(kind, pa.array(list(values), pa.large_string())))


def url_digests(urls: Iterable[str | None]) -> frozenset[bytes]:
    """Returns the digests of URLs, however each is spelt: see `canonical_urls`."""
    named = [url for url in urls if url is not None]
    return frozenset(_digests(URL, canonical_urls(pa.array(named, pa.large_string()))))


def _digests(kind: str, values: pa.Array) -> Iterator[bytes]:
    # As bytes of one buffer: elements of numpy's S16 end at their last byte that is not 0.
    content = digests(pa.array([kind] * len(values), pa.string()), values).tobytes()
    return (content[start : start + 16] for start in range(0, len(content), 16))


def _plain(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return array.cast(pa.large_string()) if not pa.types.is_large_string(array.type) else array


def _and_parents(host: str) -> Iterator[str]:
    """Yields a host's name and those that it is below."""
    while host:
        yield host
        host = host.partition(".")[2]


def read_tombstones(folder: RunFolder) -> Tombstones:
    """Returns a run folder's tombstones; none where nothing was ever removed.

    Raises:
        RunFolderError: the file is damaged, a newer version's, or gone where something was removed.
    """
    path = folder.path(TOMBSTONES)
    with storage_failures(RunFolderError, f"cannot read {path}"):
        try:
            content = folder.read(TOMBSTONES)
        except (FileNotFoundError, NotADirectoryError):
            if folder.exists(f"{REMOVALS}/0001.json"):  # the account of a removal, which is written after it
                raise RunFolderError(f"{path} is gone; {_REMEDY}") from None
            return NO_TOMBSTONES
    try:
        table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise RunFolderError(f"{path} is damaged ({' '.join(str(error).split())}); {_REMEDY}") from error
    version = (table.schema.metadata or {}).get(_VERSION_KEY)
    if version != _VERSION or not table.schema.remove_metadata().equals(_SCHEMA):
        raise RunFolderError(f"{path} is not of this version of babelsift; update babelsift, or {_REMEDY}")
    found: dict[str, set[bytes]] = {}
    for kind, digest in zip(table.column("kind").to_pylist(), table.column("digest").to_pylist(), strict=True):
        found.setdefault(kind, set()).add(digest)
    return Tombstones({kind: frozenset(of_kind) for kind, of_kind in sorted(found.items())})


def write_tombstones(folder: RunFolder, tombstones: Tombstones) -> None:
    """Writes all tombstones of a run folder; the same ones give the same bytes.

    Raises:
        RunFolderError: the file cannot be written.
    """
    rows = [(kind, digest) for kind in sorted(tombstones.digests) for digest in sorted(tombstones.of(kind))]
    columns = [pa.array([row[column] for row in rows], _SCHEMA.types[column]) for column in range(2)]
    table = pa.table(columns, schema=_SCHEMA.with_metadata({_VERSION_KEY: _VERSION}))
    with folder.writing(TOMBSTONES, read_back=True) as file:
        pq.write_table(table, file, compression="zstd", write_page_checksum=True)


def check_no_unfinished_removal(folder: RunFolder) -> None:
    """Looks whether a removal has begun in a folder and not ended.

    Raises:
        RunFolderError: one has.
    """
    with storage_failures(RunFolderError, f"cannot read {folder.path(REMOVALS)}"):
        if folder.exists(UNFINISHED_REMOVAL):
            raise RunFolderError(
                f"{folder.url}: a removal has not ended there; run `babelsift remove {folder.url}` first, which goes on"
            )


def earlier_tombstones(places: Iterable[str]) -> Tombstones:
    """Returns the tombstones of earlier run folders: what was removed there does not come in by a run that names them.

    Args:
        places: as a recipe names them: run folders, or shards in them, by glob, too; others have none.

    Raises:
        RunFolderError: a file is damaged, or cannot be read.
    """
    found = NO_TOMBSTONES
    for place in places:
        for url in _and_above(place.partition("*")[0].rstrip("/")):
            found |= read_tombstones(RunFolder(url))
    return found


def _and_above(place: str) -> Iterator[str]:
    """Yields a place and the two folders that it lies in; none on the web, where there are no run folders."""
    scheme, separator, path = place.rpartition("://")
    if scheme in ("http", "https"):
        return
    for _ in range(3):
        if path or not separator:
            yield f"{scheme}{separator}{path or '.'}"
        path = path.rpartition("/")[0]
