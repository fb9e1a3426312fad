"""Stage image dedup: images with equal bytes, then images whose perceptual hashes are near; hashes and uids cross.

Rows of one perceptual hash are folded into their lowest uid before any comparison, so a million copies of one image
cost as much as one. Images with too little structure (blank, a gradient) are never merged by hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.dedup import LINK, Survivors, bucket_digests, losers_to, nearest_survivors, position_of, verified_links
from filters.identity import digests, uid_bytes
from pipelines.batches import REJECTED, emit
from pipelines.dedup_pairs import only_repeated
from pipelines.first_of_each import FirstOfEach, batch_row_keys, unpack
from schemas import Decision, RejectReason, Stage
from schemas.recipe import DedupImagesSettings

_BUCKETED = np.dtype([("bucket", "<u4"), ("hash", "u1", (32,)), ("uid", "V16")])
_NEEDED = ["uid", "source_file", "source_row", "phash"]


@dataclass
class DedupImages(beam.PTransform):
    """Leaves out images that repeat another; the lowest uid survives.

    Input and main output: batches with DOWNLOAD_SCHEMA's columns. REJECTED: the others; value is `<survivor's uid>` or
    `<survivor's uid> at <distance> bits`, threshold the radius.

    Attributes: partitions: how many parts the hashes are compared in; results do not depend on it.
    """

    settings: DedupImagesSettings
    partitions: int = 64

    def __post_init__(self) -> None:
        super().__init__()
        if self.partitions < 1:
            raise ValueError(f"partitions should be at least 1, found {self.partitions}")

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Finds equal bytes, then near hashes among what is left, and drops both at once."""
        equal = same = links = batches.pipeline | "Nothing" >> beam.Create([], reshuffle=False).with_output_types(bytes)
        if self.settings.exact:
            found = batches | "FindEqual" >> FirstOfEach(sha256_digests, self.partitions)
            equal = found | "Equal" >> beam.Map(only_repeated)
        if self.settings.near_radius_bits is not None:
            structured = batches | "Structured" >> beam.ParDo(
                _Structured(self.settings.min_phash_quality), beam.pvalue.AsList(equal)
            ).with_output_types(pa.RecordBatch)
            found = structured | "FindSameHash" >> FirstOfEach(phash_digests, self.partitions)
            same = found | "SameHash" >> beam.Map(only_repeated)
            links = self._link(structured, same, self.settings.near_radius_bits)
        sides = [beam.pvalue.AsList(side) for side in (equal, same, links)]
        drop = _DropRepeats(self.settings)
        return batches | "Drop" >> beam.ParDo(drop, *sides).with_outputs(REJECTED, main="kept")

    def _link(
        self, structured: beam.PCollection[pa.RecordBatch], same: beam.PCollection[bytes], radius: int
    ) -> beam.PCollection[bytes]:
        bucket = beam.ParDo(_Bucket(self.partitions), beam.pvalue.AsList(same)).with_output_types(tuple[int, bytes])
        return (
            structured
            | "Bucket" >> bucket
            | "GroupBuckets" >> beam.GroupByKey()
            | "Verify" >> beam.Map(links_among, radius)
            | "Cluster" >> beam.CombineGlobally(_Cluster()).without_defaults()
        )


def sha256_digests(batch: pa.RecordBatch) -> np.ndarray:
    """Returns V16[n]: the first half of each image's sha256."""
    halves = pc.utf8_slice_codeunits(batch.column("sha256"), 0, 32)
    return uid_bytes(halves)


def phash_digests(batch: pa.RecordBatch) -> np.ndarray:
    """Returns S16[n], digests of the perceptual hashes."""
    return digests(batch.column("phash"))


def links_among(partition: tuple[int, Iterable[bytes]], radius: int) -> bytes:
    """Returns the packed LINKs among the packed bucket entries of one (number, parts)."""
    entries = np.frombuffer(b"".join(partition[1]), dtype=_BUCKETED)
    return verified_links(
        entries["bucket"], np.ascontiguousarray(entries["hash"]), entries["uid"], radius=radius
    ).tobytes()


class _Structured(beam.DoFn):
    """Passes on the rows that the near-duplicate search compares: no repeat of equal bytes, and enough structure."""

    def __init__(self, min_quality: float) -> None:
        self._min_quality = min_quality

    def process(self, element: pa.RecordBatch, equal: list[bytes]) -> Iterator[pa.RecordBatch]:
        first = losers_to(unpack(equal), sha256_digests(element), batch_row_keys(element)) < 0
        rows = np.flatnonzero(first & has_structure(element, self._min_quality))
        if len(rows):
            yield element.select(_NEEDED).take(pa.array(rows))


class _Bucket(beam.DoFn):
    """Yields the bucket entries of each distinct hash, packed a partition."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions

    def process(self, element: pa.RecordBatch, same: list[bytes]) -> Iterator[tuple[int, bytes]]:
        first = losers_to(unpack(same), phash_digests(element), batch_row_keys(element)) < 0
        hashes = hash_rows(element)[first]
        buckets = bucket_digests(hashes)
        entries = np.empty(buckets.size, dtype=_BUCKETED)
        entries["bucket"] = buckets.ravel()
        entries["hash"] = np.repeat(hashes, buckets.shape[1], axis=0)
        entries["uid"] = np.repeat(uid_bytes(element.column("uid"))[first], buckets.shape[1])
        # Fibonacci hashing: the low bits of a band alone are not evenly spread.
        partitions = (
            entries["bucket"].astype(np.uint64) * np.uint64(11400714819323198485) >> np.uint64(40)
        ) % np.uint64(self._partitions)
        for partition in np.unique(partitions):
            yield int(partition), entries[partitions == partition].tobytes()


class _Cluster(beam.CombineFn):
    """Gathers all links and decides, in order of uid, who survives: this last step is one worker's."""

    def create_accumulator(self) -> list[bytes]:
        return []

    def add_input(self, accumulator: list[bytes], element: bytes) -> list[bytes]:
        return [*accumulator, element] if element else accumulator

    def merge_accumulators(self, accumulators: Iterable[list[bytes]]) -> list[bytes]:
        return [part for accumulator in accumulators for part in accumulator]

    def extract_output(self, accumulator: list[bytes]) -> bytes:
        return nearest_survivors(np.unique(np.frombuffer(b"".join(accumulator), dtype=LINK))).tobytes()


class _DropRepeats(beam.DoFn):
    def __init__(self, settings: DedupImagesSettings) -> None:
        self._settings = settings
        self._sides: object = None

    def process(
        self, element: pa.RecordBatch, equal: list[bytes], same: list[bytes], links: list[bytes]
    ) -> Iterator[object]:
        if self._sides is not equal:  # the side inputs are the same objects for a whole bundle: unpack them once
            self._sides = equal
            self._equal, self._same = Survivors(unpack(equal)), Survivors(unpack(same))
            self._links = np.frombuffer(b"".join(links), dtype=LINK)
        decision = Decision.keep_all(len(element))
        keys, uids = batch_row_keys(element), uid_bytes(element.column("uid"))
        loses = self._equal.losers_to(sha256_digests(element), keys)
        survivors = [self._equal.claims["uid"][index].tobytes().hex() if index >= 0 else None for index in loses]
        decision.reject(loses >= 0, RejectReason.DUPLICATE_IMAGE, values=survivors)
        if self._settings.near_radius_bits is not None:
            self._reject_near(element, decision, keys, uids)
        kept, rejected = decision.split(element, Stage.DEDUP_IMAGES)
        yield from emit(Stage.DEDUP_IMAGES, len(element), [kept], [rejected])

    def _reject_near(self, element: pa.RecordBatch, decision: Decision, keys: np.ndarray, uids: np.ndarray) -> None:
        follows = self._same.losers_to(phash_digests(element), keys)
        structured = has_structure(element, self._settings.min_phash_quality)
        # A row with another row's hash shares that row's fate: it loses to it, or to what that row is near to.
        if len(self._same.claims):
            uids = np.where(follows >= 0, self._same.claims["uid"][follows], uids)
        near = position_of(self._links["uid"], uids)
        shown = []
        for follow, link, uid in zip(follows, near, uids, strict=True):
            if link >= 0:
                survivor, distance = self._links["survivor"][link], self._links["distance"][link]
                shown.append(f"{survivor.tobytes().hex()} at {distance} bits")
            else:
                shown.append(f"{uid.tobytes().hex()} at 0 bits" if follow >= 0 else None)
        decision.reject(
            structured & ((follows >= 0) | (near >= 0)),
            RejectReason.NEAR_DUPLICATE_IMAGE,
            values=shown,
            threshold=self._settings.near_radius_bits,
        )


def has_structure(batch: pa.RecordBatch, min_quality: float) -> np.ndarray:
    """Returns bool[n]: whether an image has enough structure to be told from others by its perceptual hash."""
    return batch.column("phash_quality").to_numpy(zero_copy_only=False) >= min_quality


def hash_rows(batch: pa.RecordBatch) -> np.ndarray:
    """Returns the perceptual hashes as uint8[n, 32]."""
    return np.frombuffer(b"".join(batch.column("phash").to_pylist()), dtype=np.uint8).reshape(-1, 32)
