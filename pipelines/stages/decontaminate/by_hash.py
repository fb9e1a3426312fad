"""Stage decontaminate: leaves out pairs whose image is in an evaluation set, before anything is selected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.uids import compute_uids
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.decontaminate.evaluation_images import plan_evaluation, read_evaluation
from babelsift.pipelines.stages.dedup.image_duplicates import FindRepeats, Repeats
from babelsift.pipelines.stages.dedup.image_hashes import BEFORE, hash_rows, with_ranks
from babelsift.schemas import Decision, RejectReason, Stage
from babelsift.schemas.recipe import DecontaminateSettings, DedupImagesSettings


@dataclass
class Decontaminate(Transform):
    """Leaves out the images that repeat an evaluation image; without evaluation sets all pass as they are.

    Input and main output: batches with DOWNLOAD_SCHEMA's columns, no uid twice. REJECTED: the others; value is
    `<name of the evaluation image> at <distance> bits`, threshold the radius.

    Attributes: partitions: as of `DedupImages`.
    """

    settings: DecontaminateSettings
    partitions: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        self._files = plan_evaluation(self.settings.against)
        self._repeats = DedupImagesSettings(
            exact="pixels",
            near_radius_bits=self.settings.radius_bits,
            near_crops=self.settings.crops,
            min_phash_quality=self.settings.min_phash_quality,
        )

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Compares all images with the evaluation sets' and never with one another."""
        if not self._files:
            return batches | "Pass" >> kept_and_rejected(beam.ParDo(_Pass()))
        read = beam.FlatMap(read_evaluation).with_output_types(pa.RecordBatch)
        sets = batches.pipeline | "Files" >> beam.Create(self._files) | "ReadEvaluation" >> read
        own = batches | "Hashes" >> beam.Map(hash_rows, self._repeats).with_output_types(pa.RecordBatch)
        others = sets | "EvaluationHashes" >> beam.Map(evaluation_rows).with_output_types(pa.RecordBatch)
        hashes = (own, others) | "All" >> beam.Flatten()
        find = FindRepeats(self._repeats, self.partitions, only_before=True)
        sides = [beam.pvalue.AsList(side) for side in hashes | "FindRepeats" >> find]
        names = sets | "Names" >> beam.ParDo(_NamesOfMatched(self._repeats), *sides)
        drop = beam.ParDo(_DropMatched(self._repeats), *sides, beam.pvalue.AsDict(names))
        return batches | "Drop" >> kept_and_rejected(drop)


def evaluation_rows(images: pa.RecordBatch) -> pa.RecordBatch:
    """Returns EVALUATION_SCHEMA's rows as slim rows that were there before; their uid is the digest of their name."""
    uids = _uids_of(images)
    rows = images.append_column("uid", uids).append_column("caption", pa.array([""] * len(images)))
    return with_ranks(rows, pa.array(np.full(len(images), BEFORE, dtype=np.uint64)))


def _uids_of(images: pa.RecordBatch) -> pa.Array:
    return compute_uids(pa.array(["evaluation"] * len(images)), images.column("name"))


class _Pass(beam.DoFn):
    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        yield from emit(Stage.DECONTAMINATE, len(element), [element], [])


class _NamesOfMatched(beam.DoFn):
    """Yields (uid, name) of the evaluation images that any row matched, so that few names travel."""

    def __init__(self, settings: DedupImagesSettings) -> None:
        self._settings = settings

    def process(
        self, element: pa.RecordBatch, equal: list[bytes], same: list[bytes], links: list[bytes]
    ) -> Iterator[tuple[str, str]]:
        matched = Repeats(self._settings, equal, same, links).survivors_before()
        for uid, name in zip(_uids_of(element).to_pylist(), element.column("name").to_pylist(), strict=True):
            if uid in matched:
                yield uid, name


class _DropMatched(beam.DoFn):
    def __init__(self, settings: DedupImagesSettings) -> None:
        self._settings = settings
        self._sides: object = None

    def process(
        self, element: pa.RecordBatch, equal: list[bytes], same: list[bytes], links: list[bytes], names: dict[str, str]
    ) -> Iterator[object]:
        if self._sides is not equal:
            self._sides, self._repeats = equal, Repeats(self._settings, equal, same, links)
        found = self._repeats.survivors_of(hash_rows(element, self._settings))
        matched = (found.kind != "") & (found.ranks == BEFORE)
        values = np.full(len(element), None, dtype=object)
        for row in np.flatnonzero(matched):
            exact = found.kind[row] == "equal_pixels" and not found.distance[row]
            near = "" if exact else f" at {found.distance[row]} bits"
            crop = " of a crop" if found.kind[row] == "near_crop" else ""
            values[row] = f"{names[found.uids[row].tobytes().hex()]}{near}{crop}"
        decision = Decision.keep_all(len(element))
        radius = self._settings.near_radius_bits
        decision.reject(matched, RejectReason.EVALUATION_IMAGE, values=values, threshold=radius)
        kept, rejected = decision.split(element, Stage.DECONTAMINATE)
        yield from emit(Stage.DECONTAMINATE, len(element), [kept], [rejected])
