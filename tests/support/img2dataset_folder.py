"""Writes what img2dataset 1.47 leaves behind with output_format=webdataset, without img2dataset.

`benchmarks/img2dataset_contract.py` holds this layout to the real one's.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import webdataset

from tests.support.hostile_web import encoded, photo


@dataclass
class Entry:
    """One row of the url list, and what img2dataset made of it: an image, or an error text."""

    url: str
    caption: str | None = "a caption"
    image: bytes | None = None
    error: str | None = None
    original: bytes = b""
    size: tuple[int, int] = (320, 240)
    more: dict = field(default_factory=dict)


_RESIZE_ERRORS = ("Image decoding error", "image too small", "image area too large", "aspect ratio too large")


def write_shard(
    folder: Path,
    shard: int,
    entries: list[Entry],
    *,
    samples_per_shard: int = 10_000,
    oom_shard_count: int = 5,
    encode_format: str = "jpg",
    save_caption: bool = True,
    extract_exif: bool = True,
    compute_hash: str | None = "sha256",
    parquet: bool = True,
) -> list[str]:
    """Writes NNNNN.tar, .parquet and _stats.json; returns the keys."""
    folder.mkdir(parents=True, exist_ok=True)
    digits = math.ceil(math.log10(samples_per_shard))
    name = f"{shard:0{oom_shard_count}d}"
    rows, keys = [], []
    with webdataset.TarWriter(str(folder / f"{name}.tar")) as tar:
        for index, entry in enumerate(entries):
            key = f"{10**digits * shard + index:0{digits + oom_shard_count}d}"
            meta = _meta(entry, key, save_caption, extract_exif, compute_hash)
            if entry.image is not None:
                sample = {"__key__": key, encode_format: entry.image, "json": json.dumps(meta, indent=4)}
                tar.write(sample | ({"txt": entry.caption or ""} if save_caption else {}))
            rows.append(meta)
            keys.append(key)
    if parquet:
        pq.write_table(pa.Table.from_pylist(rows, schema=_schema(rows[0])), folder / f"{name}.parquet")
    statuses = Counter(row["status"] for row in rows)
    stats = {
        "count": len(rows),
        "successes": statuses["success"],
        "failed_to_download": statuses["failed_to_download"],
        "failed_to_resize": statuses["failed_to_resize"],
        "duration": 1.5,
        "start_time": 10.0,
        "end_time": 11.5,
        "status_dict": Counter(row["error_message"] or "success" for row in rows),
    }
    (folder / f"{name}_stats.json").write_text(json.dumps(stats, indent=4))
    return keys


def _meta(entry: Entry, key: str, save_caption: bool, extract_exif: bool, compute_hash: str | None) -> dict:
    meta = dict(entry.more)
    if save_caption:
        meta["caption"] = entry.caption
    meta |= {"url": entry.url, "key": key, "status": "success", "error_message": entry.error}
    meta |= dict.fromkeys(("width", "height", "original_width", "original_height"))
    meta |= {"exif": None} if extract_exif else {}
    meta |= {compute_hash: None} if compute_hash else {}
    if entry.image is None:
        meta["status"] = "failed_to_resize" if entry.error in _RESIZE_ERRORS else "failed_to_download"
        return meta
    meta["width"], meta["height"] = entry.size
    meta["original_width"], meta["original_height"] = 2 * entry.size[0], 2 * entry.size[1]
    meta |= {"exif": "{}"} if extract_exif else {}
    if compute_hash:
        meta[compute_hash] = hashlib.new(compute_hash, entry.original or entry.image).hexdigest()
    return meta


def _schema(row: dict) -> pa.Schema:
    numbers = dict.fromkeys(("width", "height", "original_width", "original_height"), pa.int32())
    return pa.schema([(name, numbers.get(name, pa.string())) for name in row])


IMAGES = [encoded(photo(seed, (160, 120))) for seed in range(6)]


def entries(count=4, first=0):
    size = (160, 120)
    return [
        Entry(f"http://e.com/{n}.jpg", f"a dog with number {n} on a sofa", IMAGES[n], size=size)
        for n in range(first, first + count)
    ]


def failed(number, error):
    return Entry(f"http://e.com/failed/{number}.jpg", f"a cat with number {number}", error=error)
