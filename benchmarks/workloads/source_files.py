"""Files of sources that are no tables of URLs: a webdataset, documents, a table that holds its images."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_IMAGE = b"\xff\xd8" + bytes(range(256)) * 40 + b"\xff\xd9"  # 10 KB that nobody decodes here


def write_webdataset(path: Path, samples: int) -> None:
    """Writes a tar of samples of an image, a text and a json."""
    with tarfile.open(path, "w") as tar:
        for number in range(samples):
            document = json.dumps({"url": f"https://example.org/{number}.jpg", "width": 320, "height": 240}).encode()
            for kind, content in (("jpg", _IMAGE), ("txt", b"a photo of a thing"), ("json", document)):
                member = tarfile.TarInfo(f"{number:08d}.{kind}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def write_documents(path: Path, documents: int) -> None:
    """Writes OBELICS' kind of parquet: documents of nine places, of which three are images."""
    texts = [None if place % 3 == 1 else f"a paragraph of some ten words, number {place} here" for place in range(9)]
    images = [
        [f"https://example.org/{number}/{place}.jpg" if place % 3 == 1 else None for place in range(9)]
        for number in range(documents)
    ]
    metadata = ['{"url": "https://example.org/page"}'] * documents
    pq.write_table(pa.table({"images": images, "texts": [texts] * documents, "general_metadata": metadata}), path)


def write_images(path: Path, rows: int) -> None:
    """Writes Hugging Face's kind of parquet: a text and `image: {bytes, path}`."""
    table = {
        "text": [f"a photo of thing {number}" for number in range(rows)],
        "image": [{"bytes": _IMAGE, "path": f"{number}.jpg"} for number in range(rows)],
    }
    pq.write_table(pa.table(table), path, row_group_size=1000)
