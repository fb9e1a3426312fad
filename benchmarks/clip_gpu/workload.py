"""What the parts score: photographs of 256 px, captions of the demo, models with random weights, a tar with both."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from babelsift.filters.clip import LoadedModel, load_model
from babelsift.pipelines.demo.web import build_web
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.models import resolve_model
from babelsift.schemas import DOWNLOAD_SCHEMA
from benchmarks.workloads.photographs import EXTENSIONS, photograph_folder

_SIDE = 256
_PHOTOGRAPHS = 200
_PAIRS_OF_A_SHARD = 5000


def number(name: str, on_gpu: int, on_cpu: int, is_gpu: bool) -> int:
    """Returns a variable's number, or what suits the device."""
    return int(os.environ.get(name, on_gpu if is_gpu else on_cpu))


@dataclass
class Workload:
    """Photographs and captions. Attributes: home: a folder for files of the benchmark."""

    home: Path

    @cached_property
    def images(self) -> list[bytes]:
        """JPEG files, the shorter side 256 px."""
        folder = photograph_folder(str(self.home))
        names = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in EXTENSIONS)
        return [_small(path) for path in names[:_PHOTOGRAPHS]]

    @cached_property
    def captions(self) -> list[str]:
        """Captions in many languages."""
        return [pair.caption for pair in build_web(0, 3000).pairs if pair.caption.strip()]

    def pairs(self, count: int) -> list[tuple[bytes, str]]:
        """Returns so many pairs; images and captions come again."""
        return [(self.images[at % len(self.images)], self._caption(at)) for at in range(count)]

    def _caption(self, at: int) -> str:
        return f"{self.captions[at % len(self.captions)]} {at}"

    def staged(self, count: int) -> tuple[RunFolder, list[pa.RecordBatch]]:
        """Returns a run folder with staging tars of so many pairs, and the rows of each shard."""
        folder, shards = RunFolder(str(self.home / f"staged-{count}")), []
        for shard, first in enumerate(range(0, count, _PAIRS_OF_A_SHARD)):
            sink, rows = io.BytesIO(), []
            with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for at in range(first, min(count, first + _PAIRS_OF_A_SHARD)):
                    image = self.images[at % len(self.images)]
                    info = tarfile.TarInfo(f"{at}.jpg")
                    info.size = len(image)
                    tar.addfile(info, io.BytesIO(image))
                    offset = sink.tell() - -(-len(image) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                    rows.append(_row(at, shard, image, offset, self._caption(at)))
            folder.write(f"staging/images/{shard:05d}.tar", sink.getvalue())
            shards.append(pa.RecordBatch.from_pylist(rows, schema=DOWNLOAD_SCHEMA))
        return folder, shards

    def model(self, name: str, precision: str) -> LoadedModel:
        """Returns an architecture with random weights, or the demo's model."""
        if name == "babelsift-demo":
            return load_model(resolve_model(name), precision=precision)
        import open_clip
        import torch

        torch.manual_seed(0)
        path = self.home / f"{name}.pt"
        if not path.exists():
            torch.save(open_clip.CLIP(**open_clip.get_model_config(name)).state_dict(), path)
        return load_model(name, str(path), precision=precision)


def _small(path: Path) -> bytes:
    with Image.open(path) as image:
        scale = _SIDE / min(image.size)
        size = round(image.width * scale), round(image.height * scale)
        sink = io.BytesIO()
        image.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(sink, "JPEG", quality=95)
    return sink.getvalue()


def _row(at: int, shard: int, image: bytes, offset: int, caption: str) -> dict[str, Any]:
    known = {
        "uid": f"{at:032x}",
        "url": f"https://example.org/{at}.jpg",
        "caption": caption,
        "key": str(at),
        "staging_shard": shard,
        "image_extension": "jpg",
        "image_offset": offset,
        "image_size": len(image),
        "image_crc32": zlib.crc32(image),
        "sha256": hashlib.sha256(image).hexdigest(),
        "phash": bytes(32),
    }
    blank = {field.name: _blank(field) for field in DOWNLOAD_SCHEMA}
    return {**blank, **known}


def _blank(field: pa.Field) -> Any:
    if field.nullable:
        return None
    if pa.types.is_string(field.type):
        return ""
    return bytes(32) if pa.types.is_binary(field.type) or pa.types.is_fixed_size_binary(field.type) else 0
