"""Writing final shards from local staging: samples a second of CPU, images of 12 KB; tar, parquet, table as in a run.

Threads that read staged images count as CPU, too. The peer is webdataset's TarWriter given the same images, texts and
jsons in memory, where it is installed: it reads nothing back and writes no tables.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.shard.shard_writer import write_shard
from babelsift.pipelines.stages.shard.write_shards import ordered_rows
from babelsift.pipelines.staging.layout import shard_path
from babelsift.pipelines.storage.tar_members import TarMembers
from benchmarks.harness.outcome import Figure, Outcome, median_ratio
from benchmarks.sharding import synthetic_pairs

SAMPLES, IMAGE_BYTES, RUNS = 10_000, 12_000, 5
_GOAL = 10_000


def run() -> Outcome:
    """Writes shards of the same rows, in turn with the peer."""
    paces: dict[str, list[float]] = {"ours": [], "peer": []}
    with tempfile.TemporaryDirectory(prefix="babelsift-bench-") as home:
        folder = RunFolder(home)
        images, batch = stage_images(folder)
        rows = ordered_rows([batch], seed=0)
        for number in range(RUNS):
            started = time.process_time()
            write_shard(folder, number, rows, samples_per_shard=SAMPLES)
            paces["ours"].append(SAMPLES / (time.process_time() - started))
            if importlib.util.find_spec("webdataset") is not None:
                started = time.process_time()
                _write_by_webdataset(Path(home, "peer.tar"), images, rows)
                paces["peer"].append(SAMPLES / (time.process_time() - started))
    ours = statistics.median(paces["ours"])
    peer = statistics.median(paces["peer"]) if paces["peer"] else None
    ratio = median_ratio(paces["ours"], paces["peer"]) if paces["peer"] else None
    figure = Figure("samples/s of CPU", ours, peer, ratio, f">= {_GOAL}")
    what = f"{SAMPLES} samples a shard, images of {IMAGE_BYTES} bytes in local staging; peer: webdataset's TarWriter"
    return Outcome("shard_writing", what, {"pace": figure})


def stage_images(folder: RunFolder) -> tuple[list[bytes], pa.RecordBatch]:
    """Writes a staging tar of drawn bytes; returns them and the rows that find them."""
    draw = np.random.default_rng(0)
    batch = pa.concat_batches([synthetic_pairs(first) for first in (0, SAMPLES // 2)])
    images = [draw.bytes(IMAGE_BYTES) for _ in range(SAMPLES)]
    members, offsets = TarMembers(mode=0o644), []
    with folder.writing(shard_path(0, ".tar")) as tar:
        for key, image in zip(batch.column("key").to_pylist(), images, strict=True):
            header, content, end = members.member(f"{key}.jpg", image)
            offsets.append(tar.size + len(header))
            tar.write(header + content + end)
    columns = {
        **{name: batch.column(name) for name in batch.schema.names},
        "image_extension": pa.array(["jpg"] * SAMPLES),
        "image_offset": pa.array(offsets, pa.int64()),
        "image_size": pa.array([IMAGE_BYTES] * SAMPLES, pa.int64()),
        "staging_shard": pa.array(np.zeros(SAMPLES, np.int32)),
        "image_crc32": pa.array([zlib.crc32(image) for image in images], pa.uint32()),
    }
    arrays = [columns[name] for name in batch.schema.names]
    return images, pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def _write_by_webdataset(path: Path, images: list[bytes], rows: pa.Table) -> None:
    import webdataset

    with webdataset.TarWriter(str(path)) as writer:
        for number, (image, row) in enumerate(zip(images, rows.to_pylist(), strict=True)):
            text, facts = row["caption"], json.dumps(row, default=str)
            writer.write({"__key__": f"{number:09d}", "jpg": image, "txt": text.encode(), "json": facts.encode()})
