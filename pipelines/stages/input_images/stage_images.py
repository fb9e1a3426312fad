"""Images that an input brings, into staging shards: one a slice of the input, and the rows that find them again.

What is written is what an img2dataset folder is once it is imported: tars in OUT/staging/input, and of each shard its
rows in OUT/staging/adopted. So pairs find their images there as `--staging` finds them, by URL.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import apache_beam as beam
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.image import ImageFailure, ProcessedImage, process_image
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.decoding import OF_THE_MACHINE, ImageDecoders
from babelsift.pipelines.inputs.input_images import InputImage
from babelsift.pipelines.inputs.read_images import read_input_images
from babelsift.pipelines.inputs.slices import InputPlan, InputSlice
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import INPUT_IMAGES_FOLDER, PARQUET, STATS
from babelsift.pipelines.run_folder.shaping_settings import shaping_settings
from babelsift.pipelines.run_folder.tombstones import NO_TOMBSTONES, Tombstones
from babelsift.pipelines.staging.hash_lists import as_withheld, digests_as_listed, hashes_of_body, read_hash_lists
from babelsift.pipelines.staging.images import TarFolder
from babelsift.pipelines.staging.img2dataset.imported_rows import (
    IMPORTED_SCHEMA,
    ImportPlan,
    import_summary,
    imported_path,
)
from babelsift.pipelines.staging.layout import FAILED_TO_DOWNLOAD, STAGED_SCHEMA, SUCCESS
from babelsift.pipelines.staging.records import new_record, with_image, with_image_failure
from babelsift.pipelines.staging.removed_images import UnlessRemoved
from babelsift.pipelines.staging.shards import StagingWriter
from babelsift.pipelines.storage.errors import retrying, storage_failures
from babelsift.schemas import InputError, RejectReason, public_url
from babelsift.schemas.recipe import DownloadSettings

_VERSION = 1  # of what is made of a slice; raised when the same files would give other rows
_ROWS_A_SLICE = 10_000_000  # the keys' digits
_IMAGES_TOGETHER = 64


def input_images_plan(folder: RunFolder, source: InputPlan) -> ImportPlan:
    """Returns the shards that an input's images are staged in: one a slice, in their order."""
    url = folder.url.rstrip("/") + "/" + INPUT_IMAGES_FOLDER
    return ImportPlan(TarFolder(url, 5), tuple(range(len(source.slices))))


@dataclass
class StageInputImages(Transform):
    """Stages the images of an input's slices, those that are new or changed since; emits what became of each slice.

    Attributes:
        folder: the run folder.
        settings: what is stored of an image, and which are not.
        source: the input.
        removed: what was removed on request; such images are not staged.
    """

    folder: RunFolder
    settings: DownloadSettings
    source: InputPlan
    removed: Tombstones = NO_TOMBSTONES

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[dict]:
        """Spreads the slices over the workers."""
        stage = _StageSlice(self.folder, self.settings, self.removed)
        return (
            pbegin
            | "ImageSlices" >> beam.Create(list(enumerate(self.source.slices)), reshuffle=False)
            | "SpreadImageSlices" >> beam.Reshuffle()
            | "StageImages" >> beam.ParDo(stage)
        )


class _StageSlice(beam.DoFn):
    def __init__(self, folder: RunFolder, settings: DownloadSettings, removed: Tombstones) -> None:
        self._folder, self._settings, self._removed = folder, settings, removed

    def setup(self) -> None:
        process = partial(process_image, settings=self._settings)
        self._decoders = ImageDecoders(
            UnlessRemoved(process, self._removed) if self._removed else process,
            timeout_s=self._settings.decode_timeout_s,
        )
        self._lists = read_hash_lists(self._settings.hash_lists)

    def process(self, element: tuple[int, InputSlice]) -> Iterator[dict[str, Any]]:
        shard, part = element
        fingerprint = self._fingerprint(part)
        known = import_summary(self._folder, shard)
        if known.get("fingerprint") == fingerprint:
            yield known
            return
        self._folder.remove(imported_path(shard, STATS))
        started = time.time()
        shaping = shaping_settings(self._settings)
        writer = StagingWriter(self._folder, shard, _ROWS_A_SLICE, shaping, where=INPUT_IMAGES_FOLDER)
        with writer:
            records = list(self._records(part, writer))
            rows = pa.RecordBatch.from_pylist(records, schema=STAGED_SCHEMA)
            writer.commit(rows, start_time=started, end_time=time.time())
        with self._folder.writing(imported_path(shard, PARQUET)) as file:
            pq.write_table(_found_by_url(records), file, compression="zstd")
        statuses = Counter(record["status"] for record in records)
        is_final = not any(record["reason"] in OF_THE_MACHINE for record in records)  # else it is staged again
        summary = {
            "rows": len(records),
            "captions": 0,
            "problems": [],
            "fingerprint": fingerprint if is_final else None,
        }
        self._folder.write_json(imported_path(shard, STATS), summary)
        logging.info("read: %s: %d images staged of %d", part.file.shown, statuses[SUCCESS], len(records))
        yield summary

    def _records(self, part: InputSlice, writer: StagingWriter) -> Iterator[dict[str, Any]]:
        images = enumerate(read_input_images(part, max_bytes=self._settings.max_body_bytes))
        while together := list(itertools.islice(images, _IMAGES_TOGETHER)):
            # In their order, so that equal inputs give equal tars.
            made = self._decoders.in_order(image.body or None for _, image in together)
            is_removed = self._removed.are_urls(pa.array([image.url for _, image in together], pa.string()))
            for (index, image), processed, is_gone in zip(together, made, is_removed, strict=True):
                record = new_record(uid="", url=image.url, caption="", key=writer.key(index))
                body = image.body or b""
                hashes = hashes_of_body(body, self._settings)
                if is_gone:  # no pair asks for it: it is left out as it is read
                    yield as_withheld(record, "", RejectReason.REMOVED)
                elif processed is None:
                    yield _without_bytes(record, image)
                elif (name := self._list_with(digests_as_listed(body, hashes), processed)) is not None:
                    yield {**as_withheld(record, name), "url": record["url"]}  # as the input has it
                elif isinstance(processed, ImageFailure):
                    yield with_image_failure(record, processed)
                else:
                    yield writer.add(with_image(record, processed, hashes), processed)

    def _list_with(self, digests: dict[str, bytes], image: ProcessedImage | ImageFailure) -> str | None:
        """The name of the hash list that an image is on, as the input has its bytes."""
        name = self._lists.name_of(digests)
        if name is not None or isinstance(image, ImageFailure):
            return name
        return self._lists.name_of({"pdq": image.pdq, "pdq_quality": image.pdq_quality})

    def _fingerprint(self, part: InputSlice) -> dict[str, Any]:
        with storage_failures(InputError, f"{part.file.shown}: cannot be read"):
            fs, path = fsspec.core.url_to_fs(part.file.path)
            print_of_file = str(retrying(lambda: fs.ukey(path)))
        return {
            "version": _VERSION,
            "source": public_url(self._folder.url.rstrip("/") + "/" + INPUT_IMAGES_FOLDER),
            "file": [part.file.shown, part.file.source, print_of_file],
            "rows": [list(part.row_groups), part.first_row, part.layout.url, part.layout.image],
            "shaping": shaping_settings(self._settings),
            "max_body_bytes": self._settings.max_body_bytes,
            **({"hash_lists": self._lists.fingerprint} if self._lists else {}),
        }

    def teardown(self) -> None:
        self._decoders.close()


def _without_bytes(record: dict[str, Any], image: InputImage) -> dict[str, Any]:
    reason = RejectReason.BODY_TOO_LARGE if image.problem else RejectReason.EMPTY_BODY
    detail = image.problem or "the row has no image"
    failed = {"status": FAILED_TO_DOWNLOAD, "error_message": reason.value.replace("_", " ")}
    return {**record, **failed, "reason": reason.value, "detail": detail}


def _found_by_url(records: list[dict[str, Any]]) -> pa.Table:
    """Returns the rows as those of an imported folder without captions, which pairs find by their URL alone."""
    rows = [{**record, "uid": None, "caption": None} for record in records]
    return pa.Table.from_pylist(rows, schema=IMPORTED_SCHEMA)
