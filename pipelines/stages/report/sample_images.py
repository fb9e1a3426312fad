"""The stored images of a few pairs, found again by uid, for reports to show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from babelsift.filters.uids import partition_of
from babelsift.pipelines.rendering import ImageCluster, Sample
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from babelsift.pipelines.staging.images import TarFolder, read_staged_images
from babelsift.pipelines.staging.imported_rows import imported_shards, read_imported
from babelsift.pipelines.staging.layout import SUCCESS
from babelsift.pipelines.staging.shards import StagingListing, read_staged_rows, staged_shards
from babelsift.schemas import Stage
from babelsift.schemas.duplicates import DrawnCluster


def with_images(folder: RunFolder, samples: Iterable[Sample], tars: TarFolder | None = None) -> list[Sample]:
    """Returns the samples, each with its image where one is staged for its uid.

    Args:
        folder: the run folder.
        samples: of the run.
        tars: see `staged_images_of`.
    """
    samples = list(samples)
    images = staged_images_of(folder, sorted({sample.uid for sample in samples if sample.uid}), tars)
    return [
        replace(sample, image=images[sample.uid][0], image_extension=images[sample.uid][1])
        if sample.uid in images
        else sample
        for sample in samples
    ]


def clusters_with_images(
    folder: RunFolder, clusters: Iterable[DrawnCluster], tars: TarFolder | None = None
) -> list[ImageCluster]:
    """Returns drawn clusters with their images that this run has staged; an earlier run's are not looked for.

    Args:
        folder: the run folder.
        clusters: of the run.
        tars: see `staged_images_of`.
    """
    clusters = list(clusters)
    uids = {uid for cluster in clusters for uid in (cluster.survivor, *(member for member, _ in cluster.members))}
    images = staged_images_of(folder, sorted(uids), tars)

    def shown(uid: str, value: str | None = None) -> Sample:
        image, extension = images.get(uid, (None, None))
        return Sample(Stage.DEDUP_IMAGES.value, uid=uid, value=value, image=image, image_extension=extension)

    return [
        ImageCluster(
            cluster.kind,
            shown(cluster.survivor),
            [shown(*member) for member in cluster.members],
            cluster.size,
            _note(cluster),
        )
        for cluster in clusters
    ]


def _note(cluster: DrawnCluster) -> str:
    notes = {"the survivor is of an earlier run": cluster.earlier_run, "kept all the same": cluster.report_only}
    return ", ".join(note for note, holds in notes.items() if holds)


def staged_images_of(folder: RunFolder, uids: list[str], tars: TarFolder | None = None) -> dict[str, tuple[bytes, str]]:
    """Returns {uid: (encoded image, extension)} of the uids that have an image in staging.

    Args:
        folder: the run folder.
        uids: of pairs.
        tars: the imported folder that the images lie in; None: the run folder's own staging shards.
    """
    if tars is not None:
        return _imported_images_of(folder, set(uids), tars)
    manifest = read_manifest(folder)
    if manifest is None:
        return {}
    partitions = manifest.first_partitions or manifest.partitions
    uids_by_partition: dict[int, list[str]] = {}
    for uid, partition in zip(uids, partition_of(pa.array(uids, pa.string()), partitions), strict=True):
        uids_by_partition.setdefault(int(partition), []).append(uid)
    listing = StagingListing(folder)
    images: dict[str, tuple[bytes, str]] = {}
    for partition, uids_here in uids_by_partition.items():
        for shard in staged_shards(folder, partition, partitions, listing=listing):
            rows = None if shard.stats is None or shard.is_foreign else read_staged_rows(folder, shard)
            if rows is not None:
                images |= _images_in(folder, shard.number, rows, set(uids_here))
    return images


def _imported_images_of(folder: RunFolder, uids: set[str], tars: TarFolder) -> dict[str, tuple[bytes, str]]:
    images: dict[str, tuple[bytes, str]] = {}
    for shard in imported_shards(folder) if uids else ():
        images = _images_in(folder, shard, read_imported(shard, folder), uids, tars) | images
    return images


def _images_in(
    folder: RunFolder, number: int, rows: pa.RecordBatch, uids: set[str], tars: TarFolder | None = None
) -> dict[str, tuple[bytes, str]]:
    pairs = zip(rows.column("uid").to_pylist(), rows.column("status").to_pylist(), strict=True)
    stored = [row for row, (uid, status) in enumerate(pairs) if uid in uids and status == SUCCESS]
    if not stored:
        return {}
    images = rows.take(pa.array(stored))
    if "staging_shard" not in images.schema.names:
        images = images.append_column("staging_shard", pa.array(np.full(len(images), number), pa.int32()))
    extensions = images.column("image_extension").to_pylist()
    files = zip(read_staged_images(folder, images, tars=tars), extensions, strict=True)
    return dict(zip(images.column("uid").to_pylist(), files, strict=True))
