"""Finds what a request means in a run folder: the pairs, their images, and all copies of these images.

1. Named. Rows with a uid, URL or domain that is asked for; with hashes, staged images whose bytes have one, too.
2. Images. What is staged of these pairs and URLs, by the digest of its pixels and of its bytes as served.
3. Copies. Whatever else is staged with equal pixels or bytes, whichever URL it is from, and all pairs of these URLs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.uids import compute_uids, digests
from babelsift.pipelines.removal.staged import TAR_FOLDERS, staged_tables
from babelsift.pipelines.removal.tables import read_rows
from babelsift.pipelines.removal.tars import sample_files
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import DUPLICATES_FILE, PARQUET, REJECTS, TAR, UNTIL_FOLDER
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.pipelines.run_folder.tombstones import (
    HASHES,
    PIXELS,
    UID,
    URL,
    VALUE,
    Tombstones,
    digests_of,
    hash_of,
    url_digests,
)
from babelsift.pipelines.staging.layout import LISTED_URL
from babelsift.schemas.duplicates import TEXT_MERGED

_BATCH_ROWS = 65_536
_COLUMNS = ("uid", "url", LISTED_URL, "caption", "key", "sha256", "sha1", "md5", "pixels_digest", "image_size")


@dataclass(frozen=True)
class Found:
    """What a request means in a folder.

    Attributes:
        tombstones: of all that goes, beside what the request says itself.
        named: those of the request that something in the folder has.
        pairs: how many different pairs go.
        urls: how many different URLs these are of.
    """

    tombstones: Tombstones
    named: Tombstones
    pairs: int
    urls: int


@dataclass
class _Gathered:
    uids: set[str] = field(default_factory=set)
    urls: set[str] = field(default_factory=set)  # of images
    pair_urls: set[str] = field(default_factory=set)
    captions: dict[str, set[str]] = field(default_factory=dict)  # URL -> its texts
    images: dict[str, set[tuple[str, str]]] = field(default_factory=dict)  # URL -> (sha256, size) of what is staged
    digests: dict[str, set[bytes]] = field(default_factory=dict)
    named: Tombstones = field(default_factory=Tombstones)

    def add(self, kind: str, values: Iterable[str]) -> None:
        self.digests.setdefault(kind, set()).update(digests_of(kind, sorted(set(values))))


def find(folder: RunFolder, request: Tombstones) -> Found:
    """Returns what a request means; the folder is only read.

    Args:
        folder: the run folder.
        request: what is asked for.

    Raises:
        RunFolderError: a file cannot be read.
    """
    gathered = _Gathered()
    hashed, merged = _keys_with_hashes(folder, request, gathered), _merged_uids(folder)
    for path, rows in _all_rows(folder):
        goes = request.are_pairs(rows) | request.are_pairs(rows, url=LISTED_URL)
        if _is_staged(path) or _is_shard(path):
            of_image = request.are_images(rows)
            if path in hashed:
                of_image |= np.array([key in hashed[path] for key in rows.column("key").to_pylist()], bool)
            goes |= of_image & _are_own(rows, merged)
        if goes.any():
            gone = rows.filter(pa.array(goes))
            gathered.named |= request.named_by(gone)
            gathered.uids |= set(_texts(gone, "uid"))
            gathered.pair_urls |= {*_texts(gone, "url"), *_texts(gone, LISTED_URL)}
    asked = Tombstones({UID: frozenset(digests_of(UID, gathered.uids)), URL: url_digests(gathered.pair_urls)})
    _find_images(folder, asked | request, merged, gathered)
    images = Tombstones({kind: frozenset(of_kind) for kind, of_kind in gathered.digests.items()})
    _find_copies(folder, images, gathered)
    whole = request | Tombstones({URL: url_digests(gathered.urls)}) | asked_for_uids(gathered.uids)
    _find_pairs(folder, whole, gathered)
    return _found(gathered, images)


def asked_for_uids(uids: set[str]) -> Tombstones:
    """Returns the tombstones of pairs by uid."""
    return Tombstones({UID: frozenset(digests_of(UID, sorted(uids)))})


def _keys_with_hashes(folder: RunFolder, request: Tombstones, gathered: _Gathered) -> dict[str, set[str]]:
    """Returns {path of a staged table: keys of its images whose stored bytes have a hash that is asked for}."""
    if not any(request.of(kind) for kind in HASHES):
        return {}
    keys: dict[str, set[str]] = {}
    places = [(where, f"{where}/") for where in TAR_FOLDERS]
    places += [(split.folder, f"{split.folder}/") for split in SPLITS.values()]
    for where, beginning in places:
        for name in folder.list(where, TAR):
            with folder.open(where, name) as file:
                found = {key for key, content in sample_files(file) if _note_hash(request, content, gathered)}
            if found:
                keys[beginning + name.removesuffix(TAR) + PARQUET] = found
    return keys


def _note_hash(request: Tombstones, content: bytes, gathered: _Gathered) -> bool:
    has_one = False
    for kind in HASHES:
        if request.of(kind):
            [digest] = digests_of(kind, [hash_of(kind, content)])
            if digest in request.of(kind):
                gathered.named |= Tombstones({kind: frozenset([digest])})
                has_one = True
    return has_one


def _find_images(folder: RunFolder, asked: Tombstones, merged: set[str], gathered: _Gathered) -> None:
    """Notes the digests of the images of pairs and URLs that go; where nothing is staged, as shards have them."""
    for path, rows in _all_rows(folder):
        if not _is_staged(path) and not _is_shard(path):
            continue
        goes = asked.are_pairs(rows) | asked.are_pairs(rows, url=LISTED_URL)
        goes = (goes & _are_own(rows, merged)) | asked.are_images(rows)
        if goes.any():
            gone = rows.filter(pa.array(goes))
            gathered.add(PIXELS, _texts(gone, "pixels_digest"))
            gathered.add("sha256", _texts(gone, "sha256"))


def _are_own(rows: pa.Table, merged: set[str]) -> np.ndarray:
    """Returns bool[n], the rows whose image is their pair's own, not one in the place of which a copy was left out."""
    if not merged or "uid" not in rows.schema.names or "pixels_digest" in rows.schema.names:  # of staging
        return np.ones(len(rows), bool)
    return np.array([uid not in merged for uid in rows.column("uid").to_pylist()], bool)


def _merged_uids(folder: RunFolder) -> set[str]:
    if not folder.exists(DUPLICATES_FILE):
        return set()
    with folder.open(DUPLICATES_FILE) as file:
        if TEXT_MERGED.name not in pq.read_schema(file).names:
            return set()
        rows = pq.read_table(file, columns=["uid", TEXT_MERGED.name])
    return set(rows.filter(rows.column(TEXT_MERGED.name)).column("uid").to_pylist())


def _find_copies(folder: RunFolder, images: Tombstones, gathered: _Gathered) -> None:
    """Notes the URLs of all images with the digests that go, and what else finds values of theirs."""
    for path, rows in _all_rows(folder):
        if not _is_staged(path):
            continue
        goes = images.are_images(rows)
        if goes.any():
            gone = rows.filter(pa.array(goes))
            gathered.urls |= {*_texts(gone, "url"), *_texts(gone, LISTED_URL)}
            gathered.uids |= {uid for uid in _texts(gone, "uid") if uid}
            if {"sha256", "image_size"} <= set(gone.schema.names):
                columns = (gone.column(name).to_pylist() for name in ("url", "sha256", "image_size"))
                for url, sha256, size in zip(*columns, strict=True):
                    if url is not None and sha256 is not None and size is not None:
                        gathered.images.setdefault(url, set()).add((sha256, str(size)))


def _find_pairs(folder: RunFolder, whole: Tombstones, gathered: _Gathered) -> None:
    """Notes all pairs that go, and their texts."""
    for _, rows in _all_rows(folder):
        goes = whole.are_pairs(rows)
        if not goes.any():
            continue
        gone = rows.filter(pa.array(goes))
        uids, urls, captions = (
            gone.column(name).to_pylist() if name in gone.schema.names else [None] * len(gone)
            for name in ("uid", "url", "caption")
        )
        gathered.uids |= {uid for uid in uids if uid}
        gathered.pair_urls |= {url for url in urls if url}
        for url, caption in zip(urls, captions, strict=True):
            if url is not None and caption is not None:
                gathered.captions.setdefault(url, set()).add(caption)


def _found(gathered: _Gathered, images: Tombstones) -> Found:
    pairs = [(url, caption) for url, captions in sorted(gathered.captions.items()) for caption in sorted(captions)]
    urls, captions = (pa.array([pair[column] for pair in pairs], pa.string()) for column in range(2))
    as_scored = set(compute_uids(urls, captions).to_pylist()) if pairs else set()
    values = {*_bytes16(urls), *_bytes16(captions), *_bytes16(pa.array(sorted(gathered.pair_urls), pa.string()))}
    for url, stored in gathered.images.items():
        for sha256, size in stored:
            values |= set(_bytes16(pa.array([sha256]), pa.array([size])))
            texts = sorted(gathered.captions.get(url, ()))
            count = len(texts)
            of_pairs = (pa.array([sha256] * count, pa.string()), pa.array([size] * count, pa.string()))
            values |= set(_bytes16(*of_pairs, pa.array(texts, pa.string())))
    tombstones = images | asked_for_uids(gathered.uids | as_scored)
    tombstones |= Tombstones({URL: url_digests(gathered.urls), VALUE: frozenset(values)})
    return Found(tombstones, gathered.named, len(gathered.uids), len(gathered.pair_urls))


def _bytes16(*columns: pa.Array) -> list[bytes]:
    content = digests(*columns).tobytes()
    return [content[start : start + 16] for start in range(0, len(content), 16)]


def _texts(rows: pa.Table, name: str) -> list[str]:
    """Returns what a column holds, but for nothing: an image that the input brought is staged with the uid ""."""
    return [text for text in rows.column(name).to_pylist() if text] if name in rows.schema.names else []


def _is_staged(path: str) -> bool:
    return path.startswith("staging/")


def _is_shard(path: str) -> bool:
    return path.startswith(tuple(f"{split.folder}/" for split in SPLITS.values()))


def pair_tables(folder: RunFolder) -> Iterator[str]:
    """Yields the paths of all tables that have pairs: of shards, of the ledger, of what runs until a stage left."""
    for where in (*(split.folder for split in SPLITS.values()), REJECTS):
        yield from (f"{where}/{name}" for name in folder.list(where, PARQUET))
    yield from (path for path in folder.files_under(UNTIL_FOLDER) if path.endswith(PARQUET))


def _all_rows(folder: RunFolder) -> Iterator[tuple[str, pa.Table]]:
    """Yields (path, rows) of all tables with pairs or staged images; staging's damaged ones go as a whole."""
    for path in (*pair_tables(folder), *staged_tables(folder)):
        rows = read_rows(folder, path, or_none=True) if _is_staged(path) else read_rows(folder, path)
        if rows is not None:
            rows = rows.select([name for name in rows.schema.names if name in _COLUMNS])
            for start in range(0, max(len(rows), 1), _BATCH_ROWS):
                yield path, rows.slice(start, _BATCH_ROWS)
