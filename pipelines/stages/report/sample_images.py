"""The stored images of a few pairs, found again by uid, for reports to show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from babelsift.filters.uids import partition_of
from babelsift.pipelines.rendering import ImageCluster, Sample
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from babelsift.pipelines.stages.report.thumbnails import thumbnail
from babelsift.pipelines.staging.images import TarFolder, read_staged_images
from babelsift.pipelines.staging.img2dataset.imported_rows import imported_shards, read_imported
from babelsift.pipelines.staging.layout import SUCCESS
from babelsift.pipelines.staging.partitions import BY_UID, Partitioning, SplitDomains, read_split_domains
from babelsift.pipelines.staging.shards import StagingListing, read_staged_rows, staged_shards
from babelsift.schemas import Stage
from babelsift.schemas.duplicates import DrawnCluster

_PARTITIONS_AT_ONCE = 8


@dataclass(frozen=True)
class StagedImages:
    """The images of a run, found by their pairs; what says where they lie is read once.

    Attributes:
        folder: the run folder.
        tars: the imported folder that the images lie in; None: the run folder's own staging shards.
    """

    folder: RunFolder
    tars: TarFolder | None = None

    def of(self, urls: Mapping[str, str]) -> dict[str, tuple[bytes, str]]:
        """Returns {uid: (encoded image, extension)} of the pairs that have an image in staging.

        Args:
            urls: uid -> URL of pairs.
        """
        if self.tars is not None:
            return _imported_images_of(self.folder, urls, self.tars)
        if not urls or self._parting is None or not self._listing.numbers:
            return {}
        urls_by_partition: dict[int, dict[str, str]] = {}
        for uid, url in sorted(urls.items()):
            for partition in _partitions_of(uid, url, self._parting, self._split):
                urls_by_partition.setdefault(partition, {})[uid] = url
        with ThreadPoolExecutor(_PARTITIONS_AT_ONCE) as pool:
            found = pool.map(self._images_of, urls_by_partition, urls_by_partition.values())
            return {uid: image for images in found for uid, image in images.items()}

    @cached_property
    def _parting(self) -> Partitioning | None:
        if (manifest := read_manifest(self.folder)) is None:
            return None
        return Partitioning(manifest.first_partitions or manifest.partitions, manifest.partitioning)

    @cached_property
    def _split(self) -> SplitDomains:
        return read_split_domains(self.folder)

    @cached_property
    def _listing(self) -> StagingListing:
        return StagingListing(self.folder)

    def _images_of(self, partition: int, urls: Mapping[str, str]) -> dict[str, tuple[bytes, str]]:
        assert self._parting is not None
        images: dict[str, tuple[bytes, str]] = {}
        for shard in staged_shards(self.folder, partition, self._parting.partitions, listing=self._listing):
            rows = None if shard.stats is None or shard.is_foreign else read_staged_rows(self.folder, shard)
            if rows is not None:
                images |= _images_in(self.folder, shard.number, rows, urls)
        return images


def with_images(staged: StagedImages, samples: Iterable[Sample]) -> list[Sample]:
    """Returns the samples, each with its image, made small, where one is staged for its uid; survivors, too.

    Args:
        staged: the run's images.
        samples: of the run.
    """
    samples = list(samples)
    every = [*samples, *(sample.survivor for sample in samples if sample.survivor is not None)]
    images = staged.of({sample.uid: sample.url or "" for sample in every if sample.uid})
    small = {uid: thumbnail(image) for uid, (image, _) in images.items()}

    def shown(sample: Sample) -> Sample:
        return replace(sample, image=small.get(sample.uid or ""), image_extension="webp")

    return [
        replace(shown(sample), survivor=None if sample.survivor is None else shown(sample.survivor))
        for sample in samples
    ]


def uids_in(clusters: Iterable[DrawnCluster]) -> set[str]:
    """Returns the uids of all images of drawn clusters."""
    return {uid for cluster in clusters for uid in (cluster.survivor, *(member for member, _ in cluster.members))}


def clusters_with_images(
    staged: StagedImages, clusters: Iterable[DrawnCluster], urls: Mapping[str, str]
) -> list[ImageCluster]:
    """Returns drawn clusters with their images that this run has staged.

    Args:
        staged: the run's images.
        clusters: of the run.
        urls: uid -> URL of their pairs; an earlier run's are not among them.
    """
    clusters = list(clusters)
    images = staged.of({uid: urls[uid] for uid in sorted(uids_in(clusters)) if uid in urls})

    def shown(uid: str, value: str | None = None) -> Sample:
        small = thumbnail(images[uid][0]) if uid in images else None
        return Sample(Stage.DEDUP_IMAGES.value, uid=uid, value=value, image=small, image_extension="webp")

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


def _partitions_of(uid: str, url: str, parting: Partitioning, split: SplitDomains) -> set[int]:
    """Returns the partitions that may hold the image of a pair."""
    if parting.version == BY_UID:
        return set(partition_of(pa.array([uid]), parting.partitions).tolist())
    urls = pa.array([url], pa.string())
    return {*parting.of_urls(urls, split).tolist(), *parting.earlier_partitions(urls, split)}


def _imported_images_of(folder: RunFolder, urls: Mapping[str, str], tars: TarFolder) -> dict[str, tuple[bytes, str]]:
    images: dict[str, tuple[bytes, str]] = {}
    for shard in imported_shards(folder) if urls else ():
        images = _images_in(folder, shard, read_imported(shard, folder), urls, tars) | images
    return images


def _images_in(
    folder: RunFolder, number: int, rows: pa.RecordBatch, urls: Mapping[str, str], tars: TarFolder | None = None
) -> dict[str, tuple[bytes, str]]:
    """Returns the images that a shard has of pairs: of the very pair, or else of its URL."""
    successes = np.flatnonzero([status == SUCCESS for status in rows.column("status").to_pylist()])
    uids, stored_urls = (rows.column(name).take(pa.array(successes)).to_pylist() for name in ("uid", "url"))
    by_uid, by_url = (dict(zip(reversed(keys), reversed(successes), strict=True)) for keys in (uids, stored_urls))
    row_of = {uid: by_uid.get(uid, by_url.get(url)) for uid, url in urls.items()}
    found = {uid: int(row) for uid, row in row_of.items() if row is not None}
    if not found:
        return {}
    images = rows.take(pa.array(list(found.values())))
    if "staging_shard" not in images.schema.names:
        images = images.append_column("staging_shard", pa.array(np.full(len(images), number), pa.int32()))
    extensions = images.column("image_extension").to_pylist()
    files = zip(read_staged_images(folder, images, tars=tars), extensions, strict=True)
    return dict(zip(found, files, strict=True))
